import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Etcd3 } from "etcd3";
import { Connection } from "../../provider/connection";
import * as key from "../../provider/etcd/key-provider";
import { TestEtcd } from "../support/etcd";

/** etcd.Key's provider against a real etcd, and somebody else who writes to it too. */
describe("etcd.Key", { timeout: 5 * 60_000 }, () => {
  let server: TestEtcd;
  let connection: Connection;
  let other: Etcd3;

  before(async () => {
    server = await TestEtcd.start(98);
    await key.configure({ config: server.config });
    connection = Connection.fromConfig(server.config);
    other = await connection.etcd.run(async (etcd) => {
      await etcd.put("/ready").value("yes");
      return etcd;
    });
  });
  after(async () => {
    await connection.close();
    await server.stop();
  });

  const made = async (path: string, value: string) => {
    const { outs } = await key.create({ key: path, value });
    assert.ok(outs);
    return outs;
  };

  it("creates a key, and takes one that is equal already for its own", async () => {
    await made("/t/create", "a");
    assert.equal(await other.get("/t/create").string(), "a");
    await made("/t/create", "a");
  });

  it("refuses a key somebody else has made, unless it is to adopt it", async () => {
    await other.put("/t/taken").value("theirs");
    await assert.rejects(
      key.create({ key: "/t/taken", value: "ours" }),
      /^Error: \/t\/taken exists already, with another value, at revision \d+; set adopt: true/,
    );
    assert.equal(await other.get("/t/taken").string(), "theirs");
    await key.create({ key: "/t/taken", value: "ours", adopt: true });
    assert.equal(await other.get("/t/taken").string(), "ours");
  });

  it("updates only what it knows: a concurrent writer loses nothing", async () => {
    const state = await made("/t/update", "1");
    const { outs } = await key.update("/t/update", state, { key: "/t/update", value: "2" });
    assert.ok(outs);
    await other.put("/t/update").value("theirs");
    await assert.rejects(
      key.update("/t/update", outs, { key: "/t/update", value: "3", adopt: true }),
      (error: Error) => {
        const theirs = /it is at revision (\d+), this stack knows (\d+); run `pulumi refresh`/.exec(
          error.message,
        );
        assert.ok(theirs, error.message);
        assert.equal(theirs[2], outs.revision);
        assert.ok(Number(theirs[1]) > Number(theirs[2]));
        assert.doesNotMatch(error.message, /theirs/, "values may be secret");
        return true;
      },
    );
    assert.equal(await other.get("/t/update").string(), "theirs");
  });

  it("sees drift, and a key that is gone, when it reads", async () => {
    const state = await made("/t/read", "1");
    await other.put("/t/read").value("drifted");
    const seen = await key.read("/t/read", state);
    assert.equal(seen.props?.value, "drifted");
    assert.equal(seen.inputs?.value, "drifted", "which the engine compares with the program's");
    const found = await key.diff("/t/read", seen.props as typeof state, { key: "/t/read", value: "1" });
    assert.deepEqual(found, { replaces: [] });
    await other.delete().key("/t/read");
    assert.deepEqual(await key.read("/t/read", state), {});
  });

  it("deletes its own value, not somebody else's", async () => {
    const state = await made("/t/delete", "1");
    await other.put("/t/delete").value("theirs");
    await assert.rejects(key.delete("/t/delete", state), /changed by somebody else/);
    const now = await key.read("/t/delete", state);
    await key.delete("/t/delete", now.props as typeof state);
    assert.equal(await other.get("/t/delete").string(), null);
    await key.delete("/t/delete", now.props as typeof state); // once more, as after an interrupt
  });

  it("writes a key again that was deleted behind its back, and repeats what is done already", async () => {
    const state = await made("/t/gone", "1");
    await other.delete().key("/t/gone");
    const { outs } = await key.update("/t/gone", state, { key: "/t/gone", value: "2" });
    assert.equal(await other.get("/t/gone").string(), "2");
    // The answer to the first update was lost, so the engine still has the old state.
    assert.deepEqual(await key.update("/t/gone", state, { key: "/t/gone", value: "2" }), { outs });
  });

  it("goes on when etcd is killed and comes back in the middle", async () => {
    await server.down();
    const creating = key.create({ key: "/t/outage", value: "kept" });
    setTimeout(() => server.up(), 2_000);
    await creating;
    assert.equal((await key.read("/t/outage")).props?.value, "kept");
  });

  it("is refused at check for a path that is none, without asking etcd", async () => {
    const { failures } = await key.check({} as never, { key: "no/slash", value: "x" });
    assert.match(failures?.[0]?.reason ?? "", /no\/slash.*absolute path/);
  });

  it("is refused at check for a value that is none or too big, which is not repeated", async () => {
    for (const [value, expected] of [
      [undefined, /\/t\/v has no value; write text/],
      [5, /the value of \/t\/v is a number; .*JSON\.stringify/],
      ["secret".repeat(200_000), /the value of \/t\/v has 1200000 bytes; etcd takes 1048576/],
    ] as const) {
      const { failures } = await key.check({} as never, { key: "/t/v", value: value as string });
      assert.equal(failures?.[0]?.property, "value");
      assert.match(failures?.[0]?.reason ?? "", expected);
      assert.doesNotMatch(failures?.[0]?.reason ?? "", /secret/);
    }
  });

  it("is replaced when its path changes", async () => {
    const { replaces } = await key.diff(
      "a",
      { key: "/a", value: "1", revision: "1" },
      { key: "/b", value: "1" },
    );
    assert.deepEqual(replaces, ["key"]);
  });
});
