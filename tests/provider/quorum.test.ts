import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { EtcdClients } from "../../provider/clients/etcd";
import { etcdLacks } from "../../provider/cluster/health";
import { peerUrl } from "../../provider/cluster/members";
import { TestMembers } from "../support/members";
import { until } from "../support/until";

/** What a client with little patience says of a real etcd of three members that are lost one after another. */
describe("an etcd without a quorum", { timeout: 3 * 60_000 }, () => {
  let members: TestMembers;
  let clients: EtcdClients;

  before(async () => {
    members = await TestMembers.prepare(3, 95);
    const { machines, credentials, ssh } = members.connection;
    const cluster = machines.map((machine) => `${machine.name}=${peerUrl(machine)}`).join(",");
    for (const machine of machines) members.start(machine, cluster, "new");
    for (const machine of machines)
      await until(`${machine.name} is well`, 60, async () =>
        (await etcdLacks(members.connection, machine)) === undefined ? true : undefined,
      );
    clients = new EtcdClients(machines, credentials, ssh, 2);
  });
  after(async () => {
    await clients?.close();
    await members?.stop();
  });

  const ask = () => clients.run((etcd) => etcd.get("/any").string());

  it("is asked no longer than it is to be, and the error names who answered and who did not", async () => {
    assert.equal(await ask(), null);
    for (const index of [2, 3]) await members.ended(members.machine(index), true);
    await assert.rejects(ask(), (error: Error) => {
      assert.match(error.message, /^etcd, tried for 2 s: .*(timed out|no leader|DEADLINE|UNAVAILABLE)/i);
      const names =
        "m-1 (127.0.95.1:2379) answered, m-2 (127.0.95.2:2379), m-3 (127.0.95.3:2379) did not answer";
      assert.ok(error.message.includes(`; ${names}; look at \`systemctl status etcd\``), error.message);
      return true;
    });
  });

  it("names all of them once when none answers any more", async () => {
    await members.ended(members.machine(1), true);
    await assert.rejects(ask(), (error: Error) => {
      for (const index of [1, 2, 3])
        assert.equal(error.message.split(`m-${index} (127.0.95.${index}:2379)`).length, 2, error.message);
      assert.match(error.message, /^etcd, tried for 2 s: .*none of m-1 /);
      return true;
    });
  });
});
