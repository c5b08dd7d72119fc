import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Etcd3 } from "etcd3";
import { Connection } from "../../provider/connection";
import { readDirectory } from "../../provider/etcd/directory";
import * as prefix from "../../provider/etcd/prefix-provider";
import { readRange } from "../../provider/etcd/range";
import { TestEtcd } from "../support/etcd";

const many = (count: number, value: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));

/** etcd.Prefix's provider against a real etcd, and somebody else who writes to it too. */
describe("etcd.Prefix", { timeout: 5 * 60_000 }, () => {
  let server: TestEtcd;
  let connection: Connection;
  let other: Etcd3;

  before(async () => {
    server = await TestEtcd.start(99);
    await prefix.configure({ config: server.config });
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

  const made = async (path: string, values: Record<string, string>, adopt = false) => {
    const { outs } = await prefix.create({ prefix: path, values, adopt });
    assert.ok(outs);
    return outs;
  };
  const under = (path: string) => connection.etcd.run((etcd) => etcd.getAll().prefix(`${path}/`).strings());
  const update = (old: prefix.PrefixState, values: Record<string, string>) =>
    prefix.update(old.prefix, old, { prefix: old.prefix, values });

  it("writes each key of a map, deep ones too, and takes equal ones for its own", async () => {
    const values = { host: "db", "pool/size": "10", empty: "" };
    await made("/p/create", values);
    assert.deepEqual(await under("/p/create"), {
      "/p/create/host": "db",
      "/p/create/pool/size": "10",
      "/p/create/empty": "",
    });
    const again = await made("/p/create", values);
    assert.deepEqual(Object.keys(again.revisions).sort(), Object.keys(values).sort());
  });

  it("adds, changes and removes just what differs", async () => {
    const first = await made("/p/change", { same: "1", other: "1", gone: "1" });
    await other.put("/p/change/foreign").value("theirs");
    const { outs } = await update(first, { same: "1", other: "2", new: "1" });
    assert.deepEqual(await under("/p/change"), {
      "/p/change/same": "1",
      "/p/change/other": "2",
      "/p/change/new": "1",
      "/p/change/foreign": "theirs",
    });
    assert.equal(outs?.revisions.same, first.revisions.same, "not written again");
    assert.ok(outs);
    await prefix.delete("/p/change", outs);
    assert.deepEqual(await under("/p/change"), { "/p/change/foreign": "theirs" });
    await prefix.delete("/p/change", outs); // once more, as after an interrupt
  });

  it("refuses keys that somebody else has made, each by name, and writes none; adopts them on request", async () => {
    await other.put("/p/taken/a").value("theirs");
    await other.put("/p/taken/c").value("theirs");
    const values = { a: "ours", b: "ours", c: "ours" };
    await assert.rejects(made("/p/taken", values), (error: Error) => {
      assert.match(error.message, /^\/p\/taken\/a exists already.* at revision \d+;.*adopt: true/m);
      assert.match(error.message, /^\/p\/taken\/c exists already/m);
      assert.doesNotMatch(error.message, /theirs|taken\/b/);
      return true;
    });
    assert.deepEqual(Object.keys(await under("/p/taken")), ["/p/taken/a", "/p/taken/c"]);
    await made("/p/taken", values, true);
    assert.equal(await other.get("/p/taken/c").string(), "ours");
  });

  it("loses nothing of a concurrent writer: neither a changed key nor one to be removed", async () => {
    const state = await made("/p/race", { a: "1", b: "1" });
    await other.put("/p/race/b").value("theirs");
    const conflict =
      /^Error: \/p\/race\/b was changed by somebody else: it is at revision \d+, this stack knows \d+/;
    await assert.rejects(update(state, { a: "2", b: "2" }), conflict);
    await assert.rejects(update(state, { a: "2" }), conflict);
    await assert.rejects(prefix.delete("/p/race", state), conflict);
    assert.deepEqual(await under("/p/race"), { "/p/race/a": "1", "/p/race/b": "theirs" });
    await update(state, { a: "2", b: "theirs" }); // agreed meanwhile
  });

  it("reads drift key by key: changed, gone, and all gone", async () => {
    const state = await made("/p/drift", { a: "1", b: "1", c: "1" });
    await other.put("/p/drift/a").value("drifted");
    await other.delete().key("/p/drift/b");
    const seen = await prefix.read("/p/drift", state);
    assert.deepEqual(seen.inputs?.values, { a: "drifted", c: "1" });
    const now = seen.props as prefix.PrefixState;
    const wanted = { prefix: "/p/drift", values: state.values };
    assert.deepEqual(await prefix.diff("/p/drift", now, wanted), { replaces: [] });
    await update(now, state.values);
    assert.deepEqual(await under("/p/drift"), { "/p/drift/a": "1", "/p/drift/b": "1", "/p/drift/c": "1" });
    await other.delete().prefix("/p/drift/");
    assert.deepEqual(await prefix.read("/p/drift", state), {});
  });

  it("does a thousand keys in few transactions", async () => {
    const before = Number((await other.get("/ready").exec()).header.revision);
    const state = await made("/p/many", many(1000, "1"));
    const after = Number((await other.get("/ready").exec()).header.revision);
    assert.ok(after - before <= 8, `${after - before} transactions`);
    assert.equal(Object.keys((await prefix.read("/p/many", state)).inputs?.values ?? {}).length, 1000);
    await prefix.delete("/p/many", state);
    assert.deepEqual(await under("/p/many"), {});
  });

  it("does values that together are more than a request may have", async () => {
    const state = await made("/p/big", many(6, "x".repeat(500_000)));
    assert.equal(Object.keys(await under("/p/big")).length, 6);
    await prefix.delete("/p/big", state);
  });

  it("reads and deletes, twice too, values that together are more than grpc takes by itself", async () => {
    const value = "x".repeat(1024 * 1024);
    const state = await made("/p/huge", many(6, value));
    const { inputs } = await prefix.read("/p/huge", state);
    assert.deepEqual(inputs?.values, state.values);
    // Deletes have no bytes of values, so all are one transaction; refused, it answers with every value.
    await other.put("/p/huge/k5").value("theirs");
    await assert.rejects(
      prefix.delete("/p/huge", state),
      /^Error: \/p\/huge\/k5 was changed by somebody else/,
    );
    await other.delete().key("/p/huge/k5");
    await prefix.delete("/p/huge", state);
    await prefix.delete("/p/huge", state); // once more, as after an interrupt
    assert.deepEqual(await under("/p/huge"), {});
  });

  it("has neighbours that are read with it in pages, as they were at one moment", async () => {
    const values = many(300, "x".repeat(20_000)); // 6 MB, in three pages
    const state = await made("/p/pages", values);
    await other.put("/p/pages0").value("theirs");
    let asked = 0;
    const found = await readRange(async (ask) => {
      asked += 1;
      if (asked === 2) await other.put("/p/pages/k99").value("later");
      return connection.etcd.run(ask);
    }, "/p/pages/");
    assert.equal(asked, 3);
    const sorted = Object.keys(values).sort();
    assert.deepEqual(
      found.map(({ key }) => key.toString()),
      sorted.map((name) => `/p/pages/${name}`),
    );
    assert.ok(found.every(({ value, lease }) => value.length === 20_000 && lease === "0"));
    const all = await readRange((ask) => connection.etcd.run(ask), "");
    for (const key of ["/ready", "/p/pages/k0", "/p/pages0"])
      assert.ok(all.some((each) => each.key.toString() === key));
    await prefix.delete("/p/pages", (await prefix.read("/p/pages", state)).props as prefix.PrefixState);
  });

  it("tells the engine what is written when a later transaction is refused, and no secret of what is left", async () => {
    await other.put("/p/part/k290").value("theirs");
    const failed = await made("/p/part", many(300, "secret")).then(
      () => assert.fail("it should have been refused"),
      (error: Error & { id: string; properties: prefix.PrefixState }) => error,
    );
    assert.match(failed.message, /k290 exists already/);
    assert.equal(failed.id, "/p/part");
    const written = Object.keys(failed.properties.values).length;
    assert.ok(written > 0 && written < 300, `${written} of 300 keys`);
    assert.equal(Object.keys(await under("/p/part")).length, written + 1);
    await other.delete().key("/p/part/k290");
    const { outs } = await update(failed.properties, many(300, "secret"));
    assert.ok(outs);

    await other.put("/p/part/k290").value("theirs");
    const half = await update(outs, {}).then(
      () => assert.fail("it should have been refused"),
      (error: Error & { properties: prefix.PrefixState }) => error.properties,
    );
    assert.doesNotMatch(JSON.stringify(half), /secret/);
    const read = await prefix.read("/p/part", half);
    assert.doesNotMatch(JSON.stringify(read), /secret|theirs/);
    const { outs: none } = await update(read.props as prefix.PrefixState, {});
    assert.deepEqual(none?.values, {});
    assert.deepEqual(await under("/p/part"), {});
  });

  it("goes on when etcd is killed and comes back in the middle", async () => {
    await server.down();
    const creating = made("/p/outage", many(300, "1"));
    setTimeout(() => server.up(), 2_000);
    await creating;
    assert.equal(Object.keys(await under("/p/outage")).length, 300);
  });

  it("is refused at check without asking etcd, by the name of what is wrong", async () => {
    const bad = { "/abs": "x", "end/": "x", number: 5, fine: "x", missing: undefined } as never;
    const { failures } = await prefix.check({} as never, { prefix: "no/slash", values: bad });
    assert.deepEqual(
      failures?.map(({ property }) => property),
      ["prefix", 'values["/abs"]', 'values["end/"]', 'values["number"]', 'values["missing"]'],
    );
    const { failures: none } = await prefix.check({} as never, { prefix: "/p", values: "text" as never });
    assert.match(none?.[0]?.reason ?? "", /no map; write names and texts/);
    const later = "04da6b54-80e4-46f7-96ec-b56ff0331ba9" as never;
    assert.deepEqual((await prefix.check({} as never, { prefix: later, values: later })).failures, []);
    const one = { prefix: "/p", values: { a: later } };
    assert.deepEqual((await prefix.check({} as never, one)).failures, []);
  });

  it("is replaced when its prefix changes, and unchanged by adopt alone", async () => {
    const old = { prefix: "/a", values: { k: "1" }, revisions: { k: "1" } };
    assert.deepEqual((await prefix.diff("/a", old, { ...old, prefix: "/b" })).replaces, ["prefix"]);
    assert.equal((await prefix.diff("/a", old, { ...old, adopt: true })).changes, false);
  });
});

describe("a folder as values", () => {
  it("is its files' texts by their paths, less one line end, without hidden files", () => {
    const folder = mkdtempSync(join(tmpdir(), "taiga-values-"));
    try {
      mkdirSync(join(folder, "pool/.git"), { recursive: true });
      writeFileSync(join(folder, "host"), "db\n");
      writeFileSync(join(folder, "pool/size"), "1\n2\n\n");
      writeFileSync(join(folder, ".hidden"), "x");
      writeFileSync(join(folder, "pool/.git/config"), "x");
      assert.deepEqual(readDirectory(folder), { host: "db", "pool/size": "1\n2\n" });
      writeFileSync(join(folder, "binary"), Buffer.from([0xff, 0xfe]));
      assert.throws(() => readDirectory(folder), /binary is no UTF-8 text.*base64/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
