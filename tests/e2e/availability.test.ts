import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Machine, SshPool } from "../../provider/clients/ssh";
import { derive, parseCredentials } from "../../provider/credentials";
import { brokerConnection } from "../support/broker";
import { Ledger } from "../support/ledger";
import { loseMachine, startMachine } from "../support/machines";
import { isOpen } from "../support/ports";
import { acceptsWrites, PrimaryWatch, query } from "../support/primaries";
import { type Outputs, TestStack } from "../support/stack";

/** The data layer's promise, on container machines: the machine of the database's leader, and of etcd's, is lost and comes back. */
const stack = new TestStack("e2eh", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.97.0.0/24",
  "taiga:containers": "10.250.0.0/16",
});

let outputs: Outputs;
let ssh: SshPool;
let password: string;
let leader: Machine;
let survivors: Machine[];

async function leaders(machines: readonly Machine[]): Promise<Machine[]> {
  const answers = await Promise.all(machines.map((machine) => acceptsWrites(ssh, machine)));
  return machines.filter((_, index) => answers[index]);
}

async function until<T>(what: string, seconds: number, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, `${what} within ${seconds} s`);
    await sleep(500);
  }
}

/** Where a machine's containers reach the database and the broker. */
const ambassador = async (machine: Machine) =>
  (await ssh.succeed(machine, "ip -o -4 addr show docker0")).split(/\s+/)[3]?.split("/")[0] as string;

/** Makes a machine's etcd the leader: with it, leases must outlive an election. */
async function leadEtcd(machine: Machine): Promise<void> {
  const status = async () => {
    const text = await ssh.succeed(machine, "etcdctl endpoint status -w fields");
    const field = (name: string) => new RegExp(`"${name}" : (\\d+)`).exec(text)?.[1] ?? "0";
    return { member: BigInt(field("MemberID")).toString(16), leads: field("MemberID") === field("Leader") };
  };
  await until(`${machine.name} leads etcd`, 60, async () => {
    const { member, leads } = await status();
    if (leads) return true;
    // Only the leader can hand over.
    await Promise.all(outputs.machines.map((each) => ssh.exec(each, `etcdctl move-leader ${member}`)));
    return undefined;
  });
}

describe("the loss of the database leader's machine", { timeout: 40 * 60_000 }, () => {
  before(async () => {
    await stack.deploy();
    outputs = await stack.outputs();
    const credentials = parseCredentials(await stack.pulumi("config", "get", "taiga:credentials"));
    ssh = new SshPool(credentials);
    password = derive(credentials, "rabbitmq");
    const all = await leaders(outputs.machines);
    assert.equal(all.length, 1, "one PostgreSQL accepts writes");
    leader = all[0] as Machine;
    survivors = outputs.machines.filter(({ name }) => name !== leader.name);
  });

  after(async () => {
    await ssh?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  it("finds every member announced in etcd, with its role, and each container's way to it", async () => {
    const machine = survivors[0] as Machine;
    const found = await until("three members announced", 30, async () => {
      const seen = await ssh.succeed(machine, "etcdctl get --prefix --print-value-only /taiga/services/db/");
      const members = seen
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { machine: string; role: string });
      return members.length === 3 ? members : undefined;
    });
    assert.deepEqual(
      found.filter(({ role }) => role === "leader").map((member) => member.machine),
      [leader.name],
    );
    const bridge = await ambassador(machine);
    for (const port of [5432, 5672]) {
      await ssh.succeed(
        machine,
        `sudo docker exec taiga-gateway bash -c 'exec 3<>/dev/tcp/${bridge}/${port}'`,
      );
    }
  });

  it("refuses database, Patroni, broker, epmd and distribution to the host and to containers", async () => {
    for (const port of [5432, 8008, 4369, 5672, 25672]) {
      for (const { address } of outputs.machines)
        assert.equal(await isOpen(address, port), false, `${address}:${port} from the host`);
      for (const { address } of outputs.machines) {
        const { code } = await ssh.exec(
          survivors[0] as Machine,
          `sudo docker exec taiga-gateway timeout 3 bash -c 'exec 3<>/dev/tcp/${address}/${port}'`,
        );
        assert.notEqual(code, 0, `${address}:${port} from a container`);
      }
    }
  });

  it("shows no secret in processes, units or files that others may read", async () => {
    const secret =
      "cat /run/taiga/db.env /run/taiga/broker.env | sed -n 's/.*\\(PASSWORD\\|PASS\\|COOKIE\\)=//p'";
    const machine = survivors[0] as Machine;
    const values = (await ssh.succeed(machine, `sudo sh -c "${secret}"`)).trim().split("\n");
    assert.ok(values.length >= 6);
    const seen = await ssh.succeed(
      machine,
      "ps -eo args; fleetctl cat taiga-db@1.service; fleetctl cat taiga-broker@1.service; " +
        "sudo docker logs taiga-db 2>&1; sudo docker logs taiga-broker 2>&1; " +
        "sudo find /run/taiga /var/lib/data/postgresql /var/lib/data/rabbitmq -type f -perm -004 -exec cat {} +",
    );
    for (const value of values) assert.ok(!seen.includes(value), "a secret is shown");
    const foreign = await ssh.exec(
      machine,
      "cat /proc/$(pgrep -f bin/patroni | head -1)/root/run/pki/node.key",
    );
    assert.notEqual(foreign.code, 0, "the machine's key can be read by another user");
  });

  it("knows a PostgreSQL that took 22 s to write its start time, as on an overloaded machine", async () => {
    // The member's own program is asked, about the server that runs, with the time that such a start leaves.
    const ask = `
from importlib.machinery import SourceFileLoader
from patroni.postgresql.postmaster import PostmasterProcess
SourceFileLoader("member", "/usr/local/bin/patroni-member").load_module()
read = PostmasterProcess._read_postmaster_pidfile
def late(folder):
    lines = dict(read(folder))
    return {**lines, "start_time": str(int(lines["start_time"]) + 22)}
PostmasterProcess._read_postmaster_pidfile = staticmethod(late)
print(PostmasterProcess.from_pidfile("/var/lib/postgresql/data/15") is not None)
`;
    const known = await ssh.succeed(
      survivors[0] as Machine,
      "sudo docker exec -i -u postgres taiga-db python3 -W ignore -",
      { input: ask },
    );
    assert.equal(known.trim(), "True");
  });

  it("writes again within 30 s, loses no acknowledged write, and never has two that accept writes", async () => {
    const survivor = survivors[0] as Machine;
    // A queue whose first node is on the machine that will be lost.
    const own = await brokerConnection(ssh, leader, leader.address, password);
    const channel = await own.connection.createConfirmChannel();
    await channel.assertQueue("availability", { durable: true });
    for (const number of [1, 2, 3]) {
      channel.sendToQueue("availability", Buffer.from(`message ${number}`), { persistent: true });
    }
    await channel.waitForConfirms();

    await leadEtcd(leader);
    const { caCertificate } = outputs;
    const gateway = { url: `https://${survivor.address}/`, caCertificate };
    const ledger = new Ledger(gateway, "written around a loss");
    const watch = new PrimaryWatch(ssh, outputs.machines);
    let lost = false;
    try {
      await until("writes", 30, async () => (ledger.acknowledged.length > 20 ? true : undefined));
      const killed = loseMachine(leader.name);
      lost = true;
      await ssh.drop(leader);
      const back = await until("a write acknowledged after the loss", 60, async () =>
        ledger.acknowledgedAfter(killed),
      );
      const seconds = (back - killed) / 1000;
      const fresh = await until("a new leader", 30, async () => (await leaders(survivors))[0]);
      console.log(`writes again ${seconds.toFixed(1)} s after the loss, by ${fresh.name}`);
      assert.ok(seconds <= 30, `${seconds} s`);
      await sleep(3_000);
      await startMachine(leader.name);
      lost = false;
      const whole = await until("the lost machine's member a replica", 180, async () => {
        if ((await acceptsWrites(ssh, leader)) !== false) return undefined;
        const names = await query(
          ssh,
          fresh,
          "select application_name from pg_stat_replication where state = 'streaming'",
        );
        return names.split("\n").includes(leader.name) ? Date.now() : undefined;
      });
      console.log(`the lost machine is a replica ${((whole - killed) / 1000).toFixed(1)} s after the loss`);
      await sleep(5_000);
    } finally {
      if (lost) await startMachine(leader.name); // the tests after this one want it
      await Promise.all([ledger.stop(), watch.stop(), own.close()]);
    }
    console.log(
      `${ledger.acknowledged.length} writes acknowledged, longest stall ${ledger.longestStall()} s, answers ` +
        JSON.stringify(ledger.answers()),
    );
    assert.deepEqual(await ledger.missing(gateway), [], "acknowledged writes lost");
    assert.deepEqual(watch.conflicts(), [], "two that accepted writes");
    assert.ok(watch.sightings.some(({ machine }) => machine === leader.name));
    assert.ok(watch.sightings.some(({ machine }) => machine !== leader.name));
  });

  it("keeps durable messages published before, on another machine", async () => {
    const machine = survivors[1] as Machine;
    const host = await ambassador(machine);
    const { connection, close } = await brokerConnection(ssh, machine, host, password);
    try {
      const channel = await connection.createChannel();
      const got: string[] = [];
      for (;;) {
        const message = await channel.get("availability", { noAck: true });
        if (!message) break;
        got.push(message.content.toString());
      }
      assert.deepEqual(got, ["message 1", "message 2", "message 3"]);
    } finally {
      await close();
    }
  });

  it("has three brokers in one cluster again", async () => {
    await until("three running brokers", 180, async () => {
      const text = await ssh.succeed(
        survivors[0] as Machine,
        "sudo docker exec -u rabbitmq taiga-broker rabbitmqctl -q eval 'length(rabbit_nodes:all_running()).'",
      );
      return text.trim() === "3" ? true : undefined;
    });
  });
});
