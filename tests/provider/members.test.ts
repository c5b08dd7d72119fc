import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { etcdLacks } from "../../provider/cluster/health";
import {
  initialCluster,
  listMembers,
  type Member,
  memberOf,
  peerUrl,
  promote,
  removeMember,
} from "../../provider/cluster/members";
import { KeyLedger } from "../support/key-ledger";
import { TestMembers } from "../support/members";

/** What a growing and shrinking cluster asks of a real etcd, whose members stand on loopback addresses. */
describe("members of a real etcd", { timeout: 5 * 60_000 }, () => {
  let members: TestMembers;
  let ledger: KeyLedger;

  before(async () => {
    members = await TestMembers.prepare(3);
    members.start(members.machine(1), `m-1=${peerUrl(members.machine(1))}`, "new");
    await until(async () => (await etcdLacks(members.connection, members.machine(1))) === undefined);
    ledger = new KeyLedger(members.connection, members.machine(1));
    ledger.start();
  });
  after(async () => {
    await ledger?.stop();
    await members?.stop();
  });

  const until = async (done: () => Promise<boolean>) => {
    while (!(await done())) await sleep(100);
  };
  const add = async (index: number) => {
    const etcd = await members.connection.etcd.member(members.machine(1));
    try {
      await etcd.cluster.memberAdd({ peerURLs: [peerUrl(members.machine(index))], isLearner: true });
    } finally {
      etcd.close();
    }
  };
  const list = async () =>
    (await listMembers(members.connection))
      .map(({ name, isLearner }) => `${name}${isLearner ? " learns" : ""}`)
      .sort();

  it("are added without a vote: writes go on before one has started, and a second one waits", async () => {
    await add(2);
    await ledger.goesOn(5);
    assert.match(
      (await promote(members.connection, members.machine(2))) ?? "",
      /a learner of etcd still.*sync/,
    );
    await assert.rejects(add(3), /too many learner/);
    assert.equal(await promote(members.connection, members.machine(3)), "not a member of etcd");
  });

  it("get their vote once they are in sync, and say that they are learners until then", async () => {
    for (const index of [2, 3]) {
      // etcd takes nobody in the first five seconds after a connection between members was made.
      if (index === 3)
        await until(() =>
          add(3).then(
            () => true,
            (error: Error) => {
              assert.match(error.message, /unhealthy/);
              return false;
            },
          ),
        );
      const machine = members.machine(index);
      const cluster = initialCluster(await listMembers(members.connection), members.connection.machines);
      members.start(machine, cluster, "existing");
      await until(async () => /learner/.test((await etcdLacks(members.connection, machine)) ?? ""));
      await until(async () => (await promote(members.connection, machine)) === undefined);
      assert.equal(await promote(members.connection, machine), undefined, "promoting again is no error");
      await until(async () => (await etcdLacks(members.connection, machine)) === undefined);
    }
    assert.deepEqual(await list(), ["m-1", "m-2", "m-3"]);
  });

  it("leave while they run, the leader among them, without a pause in the writes; again is no error", async () => {
    const all = await listMembers(members.connection);
    const client = await members.connection.etcd.member(members.machine(1));
    await client.maintenance.moveLeader({ targetID: (memberOf(all, members.machine(3)) as Member).ID });
    client.close();
    await ledger.goesOn(10);
    ledger.longestStall = 0;
    await removeMember(members.connection, members.machine(3));
    await members.ended(members.machine(3), false);
    await removeMember(members.connection, members.machine(3));
    await removeMember(members.connection, members.machine(2));
    await ledger.goesOn(10);
    assert.deepEqual(await list(), ["m-1"]);
    // Without passing the leadership on, an election would begin after three seconds.
    assert.ok(ledger.longestStall < 2_500, `${ledger.longestStall} ms without an acknowledged write`);
    assert.deepEqual(await ledger.lost(), []);
    console.log(`${ledger.acknowledged} writes acknowledged, ${ledger.failures} failed`);
  });
});
