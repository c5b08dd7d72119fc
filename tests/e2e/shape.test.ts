import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FleetClient } from "../../provider/clients/fleet";
import type { Machine } from "../../provider/clients/ssh";
import { listMembers, removeMember } from "../../provider/cluster/members";
import { snapshot } from "../../provider/fleet/gate/readings";
import { TestCluster } from "../support/cluster";
import { KeyLedger } from "../support/key-ledger";

/**
 * A cluster of container machines grows and shrinks, each time with one `pulumi up`, while somebody writes to its etcd. Machine
 * 1 is in all shapes.
 */
describe("a cluster that changes its shape", { timeout: 40 * 60_000 }, () => {
  let cluster: TestCluster;
  let ledger: KeyLedger;
  const name = "e2ep";

  before(async () => {
    cluster = await TestCluster.start({
      name,
      network: "10.114.0.0/24",
      containers: "10.214.0.0/16",
      count: 1,
    });
    ledger = new KeyLedger(cluster.connection, first());
    ledger.start();
  });
  after(async () => {
    await ledger?.stop();
    await cluster?.stop();
  });

  const first = () => cluster.connection.machines[0] as Machine;
  const fleet = () => new FleetClient([first()], cluster.connection.ssh);
  const names = (count: number) => Array.from({ length: count }, (_, index) => `taiga-${name}-${index + 1}`);

  const data = (index: number) => `/var/lib/taiga/taiga-${name}/taiga-${name}-${index}-data`;

  const setCount = async (count: number) => {
    await cluster.stack.pulumi("config", "set", "--path", "taiga:machines.count", String(count));
    await cluster.load();
  };
  const up = () => cluster.stack.pulumi("up", "--yes", "--skip-preview");

  /** Starts an update and kills engine and providers as soon as etcd's members are as asked. @returns what it had said */
  const killedWhen = async (reached: (voters: number, learners: number) => boolean) => {
    const running = cluster.stack.start("pulumi", [
      ...["up", "--yes", "--skip-preview", "--stack", name, "--non-interactive"],
    ]);
    let ended = false;
    running.finished.finally(() => {
      ended = true;
    });
    while (!ended) {
      const members = await listMembers(cluster.connection).catch(() => []);
      const learners = members.filter(({ isLearner }) => isLearner).length;
      if (members.length > 0 && reached(members.length - learners, learners)) break;
      await sleep(20);
    }
    if (!ended) process.kill(-running.pid, "SIGKILL");
    const { signal, output } = await running.finished;
    assert.equal(signal, "SIGKILL", "the update ended before it was killed");
    return output;
  };

  const domains = () =>
    execFileSync("virsh", ["-q", "-c", "lxc:///system", "list", "--all", "--name"], { encoding: "utf8" })
      .split("\n")
      .filter((each) => each.startsWith(`taiga-${name}-`))
      .sort();

  /** Right after an update: etcd, fleet, flannel and libvirt have these machines and no other, and nothing was lost. */
  const isWhole = async (count: number) => {
    const members = await cluster.connection.ssh.succeed(first(), "sudo etcdctl member list");
    const listed = members
      .trim()
      .split("\n")
      .map((line) => line.split(", "));
    assert.deepEqual(listed.map(([, , member]) => member).sort(), names(count), members);
    for (const [, status, member, , , isLearner] of listed)
      assert.deepEqual([status, isLearner], ["started", "false"], member);
    const { machines } = await snapshot(fleet());
    assert.deepEqual(
      machines.map(({ primaryIP }) => primaryIP).sort(),
      cluster.connection.machines.map(({ address }) => address),
    );
    const subnets = await cluster.connection.etcd.run((etcd) =>
      etcd.getAll().prefix("/coreos.com/network/subnets/").keys(),
    );
    assert.equal(subnets.length, count);
    assert.deepEqual(domains(), names(count));
    assert.deepEqual(await ledger.lost(), []);
    await cluster.stack.pulumi("preview", "--expect-no-changes");
  };

  it("grows from one machine to three, killed when the first member was added: it has no vote, and writes go on", async () => {
    await isWhole(1);
    await setCount(3);
    const preview = await cluster.stack.pulumi("preview");
    assert.match(preview, /taiga-e2ep-2, taiga-e2ep-3 start side by side and join etcd one at a time/);
    await killedWhen((voters, learners) => voters === 1 && learners === 1);
    await ledger.goesOn(30);
    await cluster.stack.deploy();
    await isWhole(3);
  });

  it("brings in a machine again whose member was taken out of etcd", async () => {
    const [, , third] = cluster.connection.machines as [Machine, Machine, Machine];
    await removeMember(cluster.connection, third);
    await cluster.stack.pulumi("up", "--yes", "--skip-preview", "--refresh");
    await isWhole(3);
  });

  it("does not shrink while a data volume that would go is protected", async () => {
    const protect = (value: boolean) =>
      cluster.stack.pulumi("config", "set", "taiga:protectData", String(value));
    await protect(true);
    await up();
    await setCount(1);
    await assert.rejects(
      cluster.stack.pulumi("preview"),
      /taiga:protectData: taiga-e2ep-2, taiga-e2ep-3 would go.*protected/s,
    );
    await assert.rejects(up(), /protected/);
    assert.equal((await listMembers(cluster.connection)).length, 3, "the refused update took a member away");
    assert.deepEqual(domains(), names(3));
    await protect(false);
    await setCount(3);
    await up();
    await isWhole(3);
  });

  it("shrinks to one: says so first, and moves the units of machines that leave; killed on the way and done again", async () => {
    const units = ["n@1", "n@2", "n@3", "n@4", "n@5", "n@6"].map((unit) => `${unit}.service`);
    const start = { section: "Service", name: "ExecStart", value: "/bin/sleep infinity" };
    const bound = { section: "X-Fleet", name: "MachineMetadata", value: "index=2" };
    for (const unit of units) await fleet().put(unit, "launched", [start]);
    await fleet().put("bound.service", "launched", [start, bound]);
    const active = async () =>
      (await fleet().states()).filter((each) => each.systemdActiveState === "active");
    while ((await active()).length < 7) await sleep(500);
    assert.equal(
      new Set((await active()).map(({ machineID }) => machineID)).size,
      3,
      "a unit on each machine",
    );

    await setCount(1);
    const preview = await cluster.stack.pulumi("preview");
    assert.match(preview, /warning: 1 of 3 machines stay: taiga-e2ep-2, taiga-e2ep-3 leave/);
    assert.match(preview, /etcd lets its member go.*data volume/s);
    let said = await killedWhen((voters) => voters === 2);
    await ledger.goesOn(15);
    said += await cluster.stack.deploy();
    assert.match(said, /taiga-e2ep-2: ends with it, bound to it: bound\.service/);
    // What a machine that left said last is listed a while longer.
    const listed = async () => (await active()).map((each) => each.name).sort();
    for (const end = Date.now() + 120_000; Date.now() < end; await sleep(500))
      if ((await listed()).join() === units.join()) break;
    assert.deepEqual(await listed(), units);
    await isWhole(1);
    assert.ok(existsSync(data(1)) && !existsSync(data(2)) && !existsSync(data(3)), "data of those that left");
    await fleet().remove("bound.service");
  });

  it("has lost no write, and never stopped taking them for long", () => {
    console.log(
      `${ledger.acknowledged} writes acknowledged, ${ledger.failures} failed, longest stall ${ledger.longestStall} ms`,
    );
    assert.ok(ledger.acknowledged > 1000);
    assert.ok(ledger.longestStall < 15_000, `${ledger.longestStall} ms without an acknowledged write`);
  });
});
