import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "../../faults/cluster";
import { untilRestored } from "../../faults/whole";
import { TestCluster } from "../support/cluster";
import { Ledger } from "../support/ledger";
import { events, stories, uploads } from "../support/ledger-kinds";
import { TestStack } from "../support/stack";
import { until } from "../support/until";

/** Taiga's cluster of container machines grows and shrinks, each time with one `pulumi up`, while users write to it. */
const stack = new TestStack("e2ej", {
  "taiga:machines": { count: 1, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.108.0.0/24",
  "taiga:containers": "10.208.0.0/16",
});

let cluster: Cluster;
let ledger: Ledger;

const setCount = (count: number) =>
  stack.pulumi("config", "set", "--path", "taiga:machines.count", String(count));

/** The cluster as it is now. */
const load = async () => {
  await cluster?.close();
  cluster = await Cluster.of(stack);
};

/** Each kind of thing is acknowledged that was begun after this moment. */
const goesOn = async (seconds: number) => {
  const now = Date.now();
  const kinds = [stories, events, uploads];
  const again = () =>
    kinds.every(({ name }) =>
      ledger.attempts.some(({ what, begun, succeeded }) => what === name && begun > now && succeeded),
    );
  while (!again()) {
    assert.ok(Date.now() - now < seconds * 1000, `not everything was acknowledged again within ${seconds} s`);
    await sleep(200);
  }
};

/** Each machine's packet filter lets the machines of now, and no other, reach what is theirs. */
const acceptEachOther = async () => {
  const wanted = cluster.machines.map(({ address }) => address).sort();
  for (const machine of cluster.machines)
    await until(`${machine.name} accepts ${wanted.join(", ")}`, 30, async () => {
      const rules = await cluster.ssh.succeed(machine, "sudo iptables -w -S taiga-machines");
      const accepted = [...rules.matchAll(/ -s ([0-9.]+)\/32 /g)].map(([, address]) => address);
      return accepted.sort().join() === wanted.join() ? true : undefined;
    });
};

/** Changes the number of machines while users write; then every member is there and has everything. */
const becomes = async (count: number) => {
  const before = ledger.attempts.length;
  await setCount(count);
  await stack.pulumi("up", "--yes", "--skip-preview");
  await load();
  assert.equal(cluster.machines.length, count);
  await acceptEachOther();
  await goesOn(60);
  ledger.slowDown(5);
  await untilRestored(cluster, 480, (line) => console.log(line));
  ledger.slowDown(1);
  const since = ledger.attempts.slice(before);
  console.log(
    `${count} machines: ${since.filter((each) => !each.succeeded).length} of ${since.length} failed`,
  );
  await stack.pulumi("preview", "--expect-no-changes");
};

describe("a cluster that users write to while it changes its shape", { timeout: 40 * 60_000 }, () => {
  before(async () => {
    await stack.deploy();
    await load();
    ledger = new Ledger(cluster.gateway, "written while machines come and go", {
      kinds: [stories, events, uploads],
      writers: 2,
    });
    await goesOn(60);
  });

  after(async () => {
    await ledger?.stop();
    await cluster?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  it("grows from one machine to three, each with a member of database, broker and media", () => becomes(3));

  it("grows to five", () => becomes(5));

  it("is not made smaller than its members are", async () => {
    await setCount(1);
    await assert.rejects(
      stack.pulumi("preview"),
      /taiga-e2ej-2, taiga-e2ej-3: members of database and broker.*3 machines or more.*npm run restore -- --keep-machines/s,
    );
  });

  it("shrinks to three", () => becomes(3));

  it("does not notice that another stack on this host is made and destroyed", async () => {
    const begun = Date.now();
    const other = await TestCluster.start({
      name: "e2eo",
      network: "10.110.0.0/24",
      containers: "10.210.0.0/16",
      count: 1,
    });
    await other.stop();
    await goesOn(60);
    const failed = ledger.attempts.filter((each) => each.begun >= begun && !each.succeeded);
    assert.deepEqual(failed, []);
  });

  it("has lost nothing of what it acknowledged", async () => {
    await ledger.stop();
    const failed = ledger.attempts.filter(({ succeeded }) => !succeeded).length;
    console.log(
      `${ledger.acknowledged} acknowledged, ${failed} of ${ledger.attempts.length} failed, longest stall ${ledger.longestStall()} s, ` +
        `answers ${JSON.stringify(ledger.answers())}`,
    );
    assert.ok(ledger.acknowledged > 1000);
    assert.deepEqual(await ledger.lost(cluster.gateway), []);
  });
});
