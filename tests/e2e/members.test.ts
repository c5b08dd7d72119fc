import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Machine, SshPool } from "../../provider/clients/ssh";
import { parseCredentials } from "../../provider/credentials";
import { brokerConnection } from "../support/broker";
import { Ledger } from "../support/ledger";
import { type Outputs, TestStack } from "../support/stack";

/** Members of database and broker come and go with their machines, on container machines, while somebody writes stories. */
const stack = new TestStack("e2em", {
  "taiga:machines": { count: 1, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.102.0.0/24",
  "taiga:containers": "10.254.0.0/16",
});

describe("database and broker of a cluster that changes its shape", { timeout: 40 * 60_000 }, () => {
  let ssh: SshPool;
  let password: string;
  let ledger: Ledger;
  let outputs: Outputs;
  const first = () => outputs.machines[0] as Machine;
  const gateway = () => ({ url: `https://${first().address}/`, caCertificate: outputs.caCertificate });

  before(async () => {
    await stack.deploy();
    outputs = await stack.outputs();
    const shown = await stack.pulumi("config", "get", "taiga:credentials");
    ssh = new SshPool(parseCredentials(shown.trim()));
    password = (
      await ssh.succeed(first(), "sudo etcdctl get --print-value-only /taiga/config/broker/rabbitmq_pass")
    ).trim();
    ledger = new Ledger(gateway(), "written while members come and go");
  });
  after(async () => {
    await ledger?.stop();
    await ssh?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  const setCount = (count: number) =>
    stack.pulumi("config", "set", "--path", "taiga:machines.count", String(count));
  const patronictl = (command: string) =>
    ssh.succeed(first(), `sudo docker exec -u postgres taiga-db patronictl ${command}`);
  const databases = async () =>
    JSON.parse(await patronictl("list -f json")) as { Member: string; Role: string; State: string }[];
  const brokers = async (which: "all" | "running") =>
    (
      await ssh.succeed(
        first(),
        `sudo docker exec -u rabbitmq taiga-broker rabbitmqctl -q eval 'rabbit_mnesia:cluster_nodes(${which}).'`,
      )
    ).match(/rabbit@[\d.]+/g) ?? [];

  /** Right after an update: these members and no other, in the database and in the broker, and all that was written. */
  const isWhole = async () => {
    outputs = await stack.outputs();
    const names = outputs.machines.map(({ name }) => name);
    const seen = await databases();
    assert.deepEqual(seen.map(({ Member }) => Member).sort(), names);
    assert.equal(seen.filter(({ Role }) => Role === "Leader").length, 1, JSON.stringify(seen));
    for (const { Member, State } of seen) assert.equal(State, "running", Member);
    const nodes = outputs.machines.map(({ address }) => `rabbit@${address}`);
    assert.deepEqual((await brokers("all")).sort(), nodes);
    assert.deepEqual((await brokers("running")).sort(), nodes);
    await goesOn(20);
    assert.deepEqual(await ledger.missing(gateway()), []);
    await stack.pulumi("preview", "--expect-no-changes");
  };
  /** Somebody's story is acknowledged that was begun after this moment. */
  const goesOn = async (seconds: number) => {
    const now = Date.now();
    while (!ledger.acknowledgedAfter(now)) {
      assert.ok(Date.now() - now < seconds * 1000, `no story was acknowledged for ${seconds} s`);
      await sleep(200);
    }
  };
  const queue = "members";

  it("grows from one machine to three", async () => {
    await isWhole();
    await setCount(3);
    await stack.pulumi("up", "--yes", "--skip-preview");
    await isWhole();
  });

  it("shrinks to the machine that led neither, and has what was written and sent", async () => {
    const third = outputs.machines[2] as Machine;
    while (!(await databases()).some(({ Role, Member }) => Role === "Leader" && Member === third.name)) {
      // Only the member in step may lead next, and which one that is changes.
      const [standby] = (await databases()).filter(({ Role }) => Role === "Sync Standby");
      if (standby) await patronictl(`switchover --force --candidate ${standby.Member} taiga`).catch(() => "");
      await sleep(3_000);
    }
    const theirs = await brokerConnection(ssh, third, third.address, password);
    const channel = await theirs.connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true });
    channel.sendToQueue(queue, Buffer.from("kept"), { persistent: true });
    await channel.waitForConfirms();
    await theirs.close();

    await setCount(1);
    await stack.pulumi("up", "--yes", "--skip-preview");
    await isWhole();
    const ours = await brokerConnection(ssh, first(), first().address, password);
    const read = await ours.connection.createChannel();
    const message = await read.get(queue, { noAck: true });
    assert.ok(message, "the queue is there, and empty");
    assert.equal(message.content.toString(), "kept");
    await ours.close();
  });

  it("grows again, where members of these names were before", async () => {
    await setCount(3);
    await stack.pulumi("up", "--yes", "--skip-preview");
    await isWhole();
  });

  it("has never stopped taking stories for long", () => {
    const stall = ledger.longestStall();
    console.log(
      `${ledger.acknowledged.length} stories acknowledged, longest stall ${stall} s, answers ${JSON.stringify(ledger.answers())}`,
    );
    assert.ok(stall < 60, `${stall} s without an acknowledged story`);
  });
});
