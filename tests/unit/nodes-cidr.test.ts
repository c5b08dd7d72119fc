import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, overlaps, parseCidr } from "../../nodes/cidr";

const network = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, length]) => `${formatAddress(address - (address % 2 ** (32 - length)))}/${length}`);

test("a network spans the addresses of its prefix, and reads back as it was written", () => {
  fc.assert(
    fc.property(network, (text) => {
      const { first, last, prefixLength } = parseCidr(text);
      assert.equal(last - first + 1, 2 ** (32 - prefixLength));
      assert.equal(`${formatAddress(first)}/${prefixLength}`, text);
    }),
  );
});

test("networks overlap, either way round, exactly when one holds the other's first address", () => {
  fc.assert(
    fc.property(network, network, (one, other) => {
      const [a, b] = [parseCidr(one), parseCidr(other)];
      const holds = (whole: typeof a, part: typeof a) =>
        whole.first <= part.first && part.first <= whole.last;
      assert.equal(overlaps(one, other), holds(a, b) || holds(b, a));
      assert.equal(overlaps(one, other), overlaps(b, a));
      assert.ok(overlaps(one, one));
    }),
  );
});

test("neighbours do not overlap", () => {
  assert.equal(overlaps("10.77.0.0/24", "10.77.1.0/24"), false);
  assert.equal(overlaps("10.77.0.0/24", "10.0.0.0/8"), true);
});

for (const text of [
  "",
  "10.77.0.0",
  "10.77.0.0/33",
  "10.77.0.256/24",
  "010.77.0.0/24",
  "10.77.0.0/024",
  " 10.77.0.0/24",
  "::/0",
]) {
  test(`${JSON.stringify(text)} is refused with an example of what to write`, () => {
    assert.throws(() => parseCidr(text), /is not an IPv4 network; write one such as "10\.77\.0\.0\/24"/);
  });
}

test("bits beyond the prefix are refused with the network they lie in", () => {
  assert.throws(() => parseCidr("10.77.0.9/24"), /10\.77\.0\.9\/24 has bits set .* write "10\.77\.0\.0\/24"/);
});
