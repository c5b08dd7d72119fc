import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isGlob, matchesGlob } from "../../provider/fleet/glob";

describe("a glob, as fleet reads it in Conflicts=", () => {
  for (const [glob, name, expected] of [
    ["a@*.service", "a@1.service", true],
    ["a@*.service", "ab@1.service", false],
    ["*", "a.service", true],
    ["*", "a/b.service", false],
    ["a?.service", "ab.service", true],
    ["a?.service", "a.service", false],
    ["a[b-d]", "ac", true],
    ["a[b-d]", "ae", false],
    ["a[^b-d]", "ae", true],
    ["a[xb-d]", "ax", true],
    ["a[d-b]", "ac", false],
    ["a\\*", "a*", true],
    ["a\\*", "ab", false],
    ["a.service", "aXservice", false],
    ["(a|b)+", "a", false],
    ["", "", true],
  ] as const) {
    it(`${glob || "(empty)"} ${expected ? "matches" : "does not match"} ${name}`, () =>
      assert.equal(matchesGlob(glob, name), expected));
  }

  it("matches nothing when it is none", () => {
    for (const broken of ["a[", "a[]", "a[b", "a[b-", "a[-b]", "a[b-]", "a\\"]) {
      assert.ok(!isGlob(broken), broken);
      assert.ok(!matchesGlob(broken, "ab"), broken);
    }
  });

  it("of plain letters matches its own text alone, and none ever throws", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9@:_.-]*$/), fc.string(), (plain, other) => {
        assert.ok(matchesGlob(plain, plain));
        assert.equal(matchesGlob(plain, other), plain === other);
        assert.ok(matchesGlob(`${plain}*`, plain));
      }),
    );
    fc.assert(fc.property(fc.string(), fc.string(), (glob, name) => void matchesGlob(glob, name)));
  });
});
