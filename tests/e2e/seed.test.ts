import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Cluster } from "../../faults/cluster";
import { untilRestored } from "../../faults/whole";
import { Client } from "../support/client";
import { loseMachine, startMachine } from "../support/machines";
import { psql } from "../support/primaries";
import { type Outputs, TestStack } from "../support/stack";
import { until } from "../support/until";

/** What the system promised in 2016, word by word, on container machines. */
const stack = new TestStack("e2es", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.99.0.0/24",
  "taiga:containers": "10.252.0.0/16",
});

let outputs: Outputs;
let client: Client;
let cluster: Cluster;
const machines = () => outputs.machines;
/** Until a machine that was lost takes its part again; what the tests ask next is not about its coming back. */
const whole = () => untilRestored(cluster, 480, (line) => console.log(line));
const first = () => machines()[0]?.name as string;

/** The machines that run a unit, by what fleet says on one of them; a global unit has a line for each. */
async function running(unit: string, asked = first()): Promise<string[]> {
  const lines = await stack.ssh(asked, "fleetctl list-units --no-legend --full --fields=unit,machine,active");
  return lines
    .split("\n")
    .map((line) => line.split(/\s+/))
    .filter(([name, , active]) => name === unit && active === "active")
    .map(
      ([, place]) => machines().find(({ address }) => place?.endsWith(`/${address}`))?.name ?? `${place}?`,
    );
}

/** What etcd has below a prefix, by key. */
async function below(prefix: string, asked = first()): Promise<Map<string, string>> {
  const { kvs = [] } = JSON.parse(await stack.ssh(asked, `sudo etcdctl get --prefix ${prefix} -w json`)) as {
    kvs?: { key: string; value: string }[];
  };
  const text = (base64 = "") => Buffer.from(base64, "base64").toString();
  return new Map(kvs.map(({ key, value }) => [text(key), text(value)]));
}

describe("the seed's words", { timeout: 30 * 60_000 }, () => {
  before(async () => {
    const program = readFileSync(join(stack.directory, "index.ts"), "utf8");
    stack.write(
      "index.ts",
      `import { Service } from "./components/service";\n${program}
new Service(
  "seed",
  { units: ["seed-one", "seed-some@", "seed-all"], instances: 2, folder: "tests/e2e/seed" },
  { dependsOn: cluster.ready, deletedWith: cluster },
);\n`,
    );
    await stack.deploy();
    outputs = await stack.outputs();
    client = new Client(outputs, outputs.url, { keepAlive: false });
    cluster = await Cluster.of(stack);
  });

  after(async () => {
    client?.close();
    await cluster?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  it("units on one machine: it runs on one, and on another when that is lost", async () => {
    const [home, ...more] = await running("seed-one.service");
    assert.ok(home);
    assert.deepEqual(more, []);
    const others = machines()
      .map(({ name }) => name)
      .filter((name) => name !== home);
    let next: string;
    await loseMachine(home);
    try {
      // What the lost machine said of the unit last is listed a while longer, and its name is not known any more.
      next = await until("the unit on another machine", 90, async () => {
        const [place, ...more] = await running("seed-one.service", others[0]);
        return more.length === 0 && others.includes(place ?? "") ? place : undefined;
      });
    } finally {
      await startMachine(home);
    }
    await whole();
    assert.deepEqual(await running("seed-one.service"), [next], "and it stays there");
  });

  it("units on some machines: each instance on one of its own", async () => {
    const places = [...(await running("seed-some@1.service")), ...(await running("seed-some@2.service"))];
    assert.equal(places.length, 2);
    assert.equal(new Set(places).size, 2, places.join());
  });

  it("units on all machines", async () => {
    assert.deepEqual(
      (await running("seed-all.service")).sort(),
      machines()
        .map(({ name }) => name)
        .sort(),
    );
  });

  it("sidekick discovery: announced where it runs, forgotten when it stops, announced again", async () => {
    const key = "/taiga/services/front/1";
    const announced = async () => (await below(key)).get(key);
    const { machine } = JSON.parse((await announced()) ?? "{}") as { machine?: string };
    assert.deepEqual([machine], await running("taiga-front@1.service"));
    await stack.ssh(first(), "fleetctl stop -no-block taiga-front@1.service");
    await until("forgotten", 60, async () => ((await announced()) === undefined ? true : undefined));
    assert.equal((await client.ask("/")).status, 200, "the other instance answers");
    await stack.ssh(first(), "fleetctl start -no-block taiga-front@1.service");
    await until("announced again", 60, announced);
  });

  it("connection information and feature flags in etcd: what etcd says is what the back has", async () => {
    const environment = await stack.ssh(
      (await running("taiga-back@1.service"))[0] as string,
      "sudo docker exec taiga-back-1 env",
    );
    for (const prefix of ["/taiga/config/database/", "/taiga/config/features/"]) {
      const keys = await below(prefix);
      assert.ok(keys.size >= 3, `${keys.size} keys below ${prefix}`);
      for (const [key, value] of keys) {
        const variable = key.slice(prefix.length).toUpperCase();
        assert.ok(environment.split("\n").includes(`${variable}=${value}`), variable);
      }
    }
  });

  it("leader election: one leads, and when it is lost another does", async () => {
    const leader = async (asked: string) => {
      const name = (
        await stack.ssh(asked, "sudo etcdctl get --print-value-only /service/taiga/leader")
      ).trim();
      return name === "" ? undefined : name;
    };
    const old = await until("a leader", 60, () => leader(first()));
    const others = machines().filter(({ name }) => name !== old);
    const accepts = async (machine: string) =>
      (await stack.ssh(machine, psql("select not pg_is_in_recovery()"))).trim();
    assert.equal(await accepts(old), "t");
    for (const { name } of others) assert.equal(await accepts(name), "f", name);
    await loseMachine(old);
    try {
      const elected = await until("another leader", 60, async () => {
        const name = await leader(others[0]?.name as string);
        return name !== old && name !== undefined && (await accepts(name)) === "t" ? name : undefined;
      });
      assert.ok(others.some(({ name }) => name === elected));
    } finally {
      await startMachine(old);
    }
    await whole();
    assert.equal(await accepts(old), "f", "the old leader is a replica");
  });

  it("a subnet per host, in etcd, kept when the machine is down, past the end of its lease", async () => {
    const subnets = async (asked: string) =>
      new Map(
        [...(await below("/coreos.com/network/subnets/", asked))].map(([key, value]) => [
          (JSON.parse(value) as { PublicIP: string }).PublicIP,
          key,
        ]),
      );
    const [down, up] = machines().slice(1) as [Outputs["machines"][number], Outputs["machines"][number]];
    const before = await subnets(up.name);
    assert.equal(before.size, 3);
    for (const { name, address } of machines()) {
      const bridge = (await stack.ssh(name, "ip -o -4 address show docker0")).split(/\s+/)[3] as string;
      const network = before.get(address)?.split("/").at(-1)?.replace("-", "/");
      assert.equal(bridge.replace(/\.1\//, ".0/"), network, name);
    }
    const key = before.get(down.address) as string;
    await loseMachine(down.name);
    try {
      await until("another leader of etcd, if it was that one's", 60, () => subnets(up.name));
      // Its lease is of a day. One of thirty seconds in its place, and the hourly timer's service more often, show the same sooner.
      await stack.ssh(
        up.name,
        `set -- $(sudo etcdctl lease grant 30) && sudo etcdctl put --ignore-value --lease=$2 ${key} && ` +
          "for second in $(seq 0 3 36); do sudo systemctl start subnets.service; sleep 3; done",
      );
      assert.equal((await subnets(up.name)).get(down.address), key, "kept past its end");
      assert.match(
        await stack.ssh(up.name, "systemctl list-timers --no-legend subnets.timer"),
        /subnets\.service/,
      );
      await until("the lease's end, when nobody keeps it", 90, async () =>
        (await subnets(up.name)).has(down.address) ? undefined : true,
      );
    } finally {
      await startMachine(down.name);
    }
    await whole();
    assert.equal((await subnets(up.name)).get(down.address), key, "the same subnet again");
  });

  it("port mapping: a port on every machine leads to a container wherever it runs", async () => {
    const page = (machine: Outputs["machines"][number]) =>
      new Client(outputs, `https://${machine.address}/`, { keepAlive: false }).json<{ machine: string }>(
        "/api/v1/rehearsal",
      );
    const hosts = new Set([
      ...(await running("taiga-back@1.service")),
      ...(await running("taiga-back@2.service")),
    ]);
    assert.equal(hosts.size, 2);
    for (const machine of machines()) {
      const answered = new Set<string>();
      await until(`every instance by ${machine.name}`, 60, async () => {
        answered.add((await page(machine)).machine);
        return answered.size === 2 ? true : undefined;
      });
      assert.deepEqual([...answered].sort(), [...hosts].sort());
    }
  });
});
