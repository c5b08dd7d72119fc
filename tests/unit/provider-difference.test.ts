import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as key from "../../provider/etcd/key-provider";
import * as prefix from "../../provider/etcd/prefix-provider";
import * as unit from "../../provider/fleet/unit-provider";

const service = "[Service]\nExecStart=/bin/sleep 1\n";
const oldKey = { key: "/k", value: "1", revision: "1" };
const oldPrefix = { prefix: "/p", values: { a: "1", b: "1" }, revisions: { a: "1", b: "1" } };
const oldUnit = { name: "u.service", content: service, desiredState: "launched" } as const;

/** An answer without `changes` has the engine compare the inputs, by which it knows what `replaceOnChanges` is about. */
describe("what a key, a prefix and a unit answer when they are compared", () => {
  it("is left to the engine where a value differs", async () => {
    for (const answer of [
      key.diff("", oldKey, { key: "/k", value: "2" }),
      prefix.diff("", oldPrefix, { prefix: "/p", values: { a: "1" } }),
      prefix.diff("", oldPrefix, { prefix: "/p", values: { a: "1", b: "2" } }),
      unit.diff("", oldUnit, { ...oldUnit, content: service.replace("1", "2") }),
      unit.diff("", oldUnit, { ...oldUnit, desiredState: "loaded" }),
    ])
      assert.deepEqual(await answer, { replaces: [] });
  });

  it("is no where only what is ours alone differs, whatever the engine would say of the inputs", async () => {
    for (const answer of [
      key.diff("", oldKey, { key: "/k", value: "1", adopt: true }),
      prefix.diff("", oldPrefix, { prefix: "/p", values: oldPrefix.values, adopt: true }),
      unit.diff("", oldUnit, { ...oldUnit, content: `# why\n${service}`, file: "elsewhere", adopt: true }),
    ])
      assert.deepEqual(await answer, { changes: false, replaces: [] });
  });

  it("is a plain yes where it is another resource", async () => {
    for (const [answer, property] of [
      [key.diff("", oldKey, { key: "/other", value: "1" }), "key"],
      [prefix.diff("", oldPrefix, { prefix: "/other", values: {} }), "prefix"],
      [unit.diff("", oldUnit, { ...oldUnit, name: "v.service" }), "name"],
    ] as const)
      assert.deepEqual(await answer, { changes: true, replaces: [property] });
  });
});
