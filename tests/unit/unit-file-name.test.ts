import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkUnitName, expandSpecifiers, parseUnitName } from "../../provider/fleet/unit-name";

describe("a unit's name", () => {
  it("has a type, and as an instance a template", () => {
    assert.deepEqual(parseUnitName("taiga-db.service"), { type: "service" });
    assert.deepEqual(parseUnitName("taiga-back@1.service"), {
      type: "service",
      template: "taiga-back@.service",
      instance: "1",
    });
    assert.deepEqual(parseUnitName("a@b@c.d.timer"), {
      type: "timer",
      template: "a@.timer",
      instance: "b@c.d",
    });
  });

  it("is one fleet can run", () => {
    for (const name of ["taiga-back@1.service", "a.socket", "mnt-x\\x2dy.mount"]) checkUnitName(name);
    for (const name of [
      "taiga back.service",
      "a",
      "a.",
      ".service",
      "@1.service",
      "a.target",
      "a.slice",
      "a/b.service",
    ])
      assert.throws(() => checkUnitName(name), /is no unit's name; write letters/, name);
    assert.throws(() => checkUnitName(`${"a".repeat(260)}.service`), /at most 255/);
  });

  it("is not a template's", () => {
    assert.throws(() => checkUnitName("taiga-back@.service"), /template.*taiga-back@1\.service/);
  });

  it("fills the specifiers fleet knows", () => {
    assert.equal(expandSpecifiers("%n %N %p %i %H", "a@b@c.service"), "a@b@c.service a@b@c a b@c %H");
    assert.equal(expandSpecifiers("%n %N %p %i", "a.service"), "a.service a a ");
  });
});
