import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FleetClient } from "../../provider/clients/fleet";
import type { Machine } from "../../provider/clients/ssh";
import { clusterLacks } from "../../provider/cluster/health";
import { listMembers, memberOf } from "../../provider/cluster/members";
import { activeStates } from "../support/active-states";
import { TestCluster } from "../support/cluster";

const keys = 1_000;
const units = 100;

/** The leader of etcd dies in the middle of an update of many keys and units, on container machines. */
describe("an update whose leader is killed", { timeout: 40 * 60_000 }, () => {
  let cluster: TestCluster;
  let fleet: FleetClient;

  before(async () => {
    cluster = await TestCluster.start({
      name: "e2el",
      network: "10.101.0.0/24",
      containers: "10.253.0.0/16",
    });
    fleet = new FleetClient(cluster.connection.machines, cluster.connection.ssh);
  });
  after(() => cluster?.stop());

  /** Many keys and units, and a gate over all of them. */
  const declare = () =>
    cluster.declare(`import { etcd, fleet } from "./provider";
const within = { dependsOn: cluster.ready, deletedWith: cluster };
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
for (const number of numbers(${keys}))
  new etcd.Key(\`k\${number}\`, { key: \`/many/\${number}\`, value: "written" }, within);
const names = numbers(${units}).map((number) => \`u\${number}.service\`);
const made = names.map((name) => new fleet.Unit(name, { name, content: "[Service]\\nExecStart=/bin/sleep infinity\\n" }, within));
new fleet.Rollout("all", { units: names, revision: "1" }, { ...within, dependsOn: made });`);

  const values = () => cluster.connection.etcd.run((etcd) => etcd.getAll().prefix("/many/").strings());

  const leader = async (): Promise<Machine> => {
    const { leader: id } = await cluster.connection.etcd.run((etcd) => etcd.maintenance.status());
    const members = await listMembers(cluster.connection);
    const found = cluster.connection.machines.find((machine) => memberOf(members, machine)?.ID === id);
    assert.ok(found, "etcd has a leader");
    return found;
  };

  /** Runs an update, lets the fault come when a third of the keys are written, and waits for the update to finish. */
  const upWith = async (fault: (machine: Machine) => Promise<void>) => {
    const running = cluster.stack.start("pulumi", [
      ...["up", "--yes", "--skip-preview", "--stack", "e2el", "--non-interactive", "--color", "never"],
    ]);
    let ended = false;
    running.finished.finally(() => {
      ended = true;
    });
    const written = async () => Object.keys(await values()).length;
    let machine: Machine;
    let before: number;
    try {
      while (!ended && (await written()) < keys / 3) await sleep(200);
      machine = await leader();
      before = await written();
      await fault(machine);
    } finally {
      await running.finished; // whatever failed: the stack is locked until then
    }
    const { code, output, seconds } = await running.finished;
    assert.equal(code, 0, output.slice(-6000));
    assert.ok(before < keys, "the fault came when all was written already");
    console.log(
      `${machine.name}'s leader was killed after ${before} of ${keys} keys; the update took ${seconds} s`,
    );
  };

  const isThere = async () => {
    assert.deepEqual(Object.values(await values()), Array<string>(keys).fill("written"));
    const active = await activeStates(fleet, units);
    assert.equal(new Set(active.map(({ name }) => name)).size, units);
    for (let tries = 0; await clusterLacks(cluster.connection, cluster.connection.machines); tries += 1) {
      assert.ok(tries < 60, "the cluster is whole again");
      await sleep(1_000);
    }
    await cluster.stack.pulumi("preview", "--expect-no-changes");
  };

  it("finishes when its machine is switched off, and on again after ten seconds", async () => {
    declare();
    const virsh = (...args: string[]) => execFileSync("virsh", ["-q", "-c", "lxc:///system", ...args]);
    await upWith(async ({ name }) => {
      virsh("destroy", name);
      await sleep(10_000);
      virsh("start", name);
    });
    await isThere();
  });
});
