import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FleetClient } from "../../provider/clients/fleet";
import { listMembers } from "../../provider/cluster/members";
import { TestCluster } from "../support/cluster";

/**
 * `./deploy.sh` is killed at random moments of every kind of change, on container machines, and run again. KILLS says how
 * often (default: once in each kind of change), KILLS_SEED repeats a run.
 */
const name = "e2em";
const seed = Number(process.env.KILLS_SEED ?? Date.now() % 1_000_000);
/** Somewhere from 0 to 1, the same again for the same seed. */
const draw = (round: number): number =>
  createHash("sha256").update(`${seed} ${round}`).digest().readUInt32BE() / 2 ** 32;
/**
 * Seconds in which a kill comes: no change takes less. Keys and units change with each. After one that is regretted the number
 * of machines is what it was before, and not what was begun.
 */
const longest = { "grow, regretted": 12, grow: 12, roll: 35, "shrink, regretted": 12, shrink: 12 };
type Change = keyof typeof longest;
const cycle = Object.keys(longest) as Change[];
const rounds = Number(process.env.KILLS ?? cycle.length);

describe(`an update that is killed at random moments, seed ${seed}`, { timeout: 60 * 60_000 }, () => {
  let cluster: TestCluster;
  const wanted = { machines: 3, units: "", keys: 0, motd: "" };

  before(async () => {
    cluster = await TestCluster.start({ name, network: "10.109.0.0/24", containers: "10.209.0.0/16" });
  });
  after(() => cluster?.stop());

  const set = (path: string, value: string) => cluster.stack.pulumi("config", "set", "--path", path, value);
  const setCount = (count: number) => {
    wanted.machines = count;
    return set("taiga:machines.count", String(count));
  };
  const declare = () =>
    cluster.declare(`import { etcd, fleet } from "./provider";
const within = { dependsOn: cluster.joined, deletedWith: cluster };
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
for (const number of numbers(${wanted.keys}))
  new etcd.Key(\`k\${number}\`, { key: \`/many/\${number}\`, value: "of ${wanted.keys}" }, within);
const names = numbers(4).map((number) => \`u\${number}.service\`);
const content = "[Unit]\\nDescription=${wanted.units}\\n[Service]\\nExecStart=/bin/sleep infinity\\n";
const made = names.map((name) => new fleet.Unit(name, { name, content }, within));
new fleet.Rollout("all", { units: names, revision: "${wanted.units}" }, { ...within, dependsOn: made });`);

  const begin: Record<Change, (round: number) => Promise<unknown>> = {
    "grow, regretted": () => setCount(5),
    grow: () => setCount(5),
    roll: (round) => {
      wanted.motd = `round ${round}`;
      const file = `write_files:\n  - path: /etc/motd\n    content: ${wanted.motd}`;
      return set("taiga:cloudConfig", `#cloud-config\n${file}`);
    },
    "shrink, regretted": () => setCount(3),
    shrink: () => setCount(3),
  };

  /** All that was asked for is there, and nothing else. */
  const isAsDeclared = async () => {
    await cluster.stack.pulumi("preview", "--expect-no-changes");
    await cluster.load();
    const { connection } = cluster;
    const machines = Array.from({ length: wanted.machines }, (_, index) => `taiga-${name}-${index + 1}`);
    const domains = execFileSync("virsh", ["-q", "-c", "lxc:///system", "list", "--name"], {
      encoding: "utf8",
    });
    const own = domains.split("\n").filter((each) => each.startsWith(`taiga-${name}-`));
    assert.deepEqual(own.sort(), machines);
    const files = readdirSync(`/var/lib/taiga/taiga-${name}`).filter((file) => file.startsWith("taiga-"));
    assert.deepEqual(files.sort(), machines.flatMap((machine) => [machine, `${machine}-data`]).sort());
    const members = await listMembers(connection);
    assert.deepEqual(members.map((member) => member.name).sort(), machines);
    assert.ok(members.every(({ isLearner }) => !isLearner));
    const keys = await connection.etcd.run((etcd) => etcd.getAll().prefix("/many/").strings());
    assert.deepEqual(Object.values(keys), Array<string>(wanted.keys).fill(`of ${wanted.keys}`));
    const fleet = new FleetClient(connection.machines, connection.ssh);
    const units = await fleet.units();
    assert.deepEqual(
      units.map((unit) => unit.name).sort(),
      ["u1", "u2", "u3", "u4"].map((u) => `${u}.service`),
    );
    for (const { name: unit, options } of units)
      assert.ok(
        options.some(({ value }) => value === wanted.units),
        `${unit} is an older one`,
      );
    for (const machine of machines)
      if (wanted.motd)
        assert.match(await cluster.stack.ssh(machine, "cat /etc/motd"), new RegExp(wanted.motd));
  };

  for (let round = 0; round < rounds; round += 1) {
    const change = cycle[round % cycle.length] as Change;
    const seconds = 2 + draw(round) * longest[change];
    it(`converges when it is run again: ${change}, killed after ${seconds.toFixed(1)} s`, async () => {
      wanted.units = `of round ${round}`;
      wanted.keys = 20 + (round % 3) * 15;
      declare();
      const before = wanted.machines;
      await begin[change](round);
      const deploy = cluster.stack.start("./deploy.sh", [name]);
      await Promise.race([sleep(seconds * 1000), deploy.finished]);
      process.kill(-deploy.pid, "SIGKILL");
      await deploy.finished;
      if (change.endsWith("regretted")) await setCount(before);
      await cluster.stack.deploy();
      await isAsDeclared();
    });
  }
});
