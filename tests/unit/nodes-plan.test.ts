import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { overlaps } from "../../nodes/cidr";
import { plan } from "../../nodes/plan";

test("names, addresses and MACs follow from prefix, network and index", () => {
  const planned = plan({ prefix: "taiga-dev", cidr: "10.77.0.0/24", count: 3 });
  assert.equal(planned.gateway, "10.77.0.1");
  assert.equal(planned.entry, "10.77.0.5");
  assert.equal(planned.netmask, "255.255.255.0");
  assert.deepEqual(
    planned.machines.map(({ index, name, address }) => ({ index, name, address })),
    [
      { index: 0, name: "taiga-dev-1", address: "10.77.0.11" },
      { index: 1, name: "taiga-dev-2", address: "10.77.0.12" },
      { index: 2, name: "taiga-dev-3", address: "10.77.0.13" },
    ],
  );
});

test("every machine has its own name, MAC and address, within the network, for any size that fits", () => {
  const sizes = fc.integer({ min: 16, max: 27 }).chain((length) =>
    fc.record({
      length: fc.constant(length),
      count: fc.integer({ min: 1, max: Math.min(200, 2 ** (32 - length) - 12) }),
    }),
  );
  fc.assert(
    fc.property(sizes, ({ length, count }) => {
      const cidr = `10.64.0.0/${length}`;
      const { machines, gateway, entry, bridge } = plan({ prefix: "taiga-dev", cidr, count });
      const addresses = [gateway, entry, ...machines.map(({ address }) => address)];
      assert.equal(new Set(addresses).size, count + 2);
      assert.equal(new Set(machines.map(({ mac }) => mac)).size, count);
      assert.equal(new Set(machines.map(({ name }) => name)).size, count);
      assert.ok(addresses.every((address) => overlaps(cidr, `${address}/32`)));
      assert.ok(machines.every(({ mac }) => /^52:54:00(:[0-9a-f]{2}){3}$/.test(mac)));
      assert.ok(bridge.length <= 15);
    }),
  );
});

test("growing a cluster leaves the machines it has as they are", () => {
  const [three, five] = [3, 5].map(
    (count) => plan({ prefix: "taiga-dev", cidr: "10.77.0.0/24", count }).machines,
  );
  assert.deepEqual(five?.slice(0, 3), three);
});

test("stacks side by side share neither bridge nor MAC", () => {
  const [dev, prod] = ["taiga-dev", "taiga-prod"].map((prefix) =>
    plan({ prefix, cidr: "10.77.0.0/24", count: 1 }),
  );
  assert.notEqual(dev?.bridge, prod?.bridge);
  assert.notEqual(dev?.machines[0]?.mac, prod?.machines[0]?.mac);
});

test("a network too small is refused with one that is large enough", () => {
  assert.throws(
    () => plan({ prefix: "taiga", cidr: "10.77.0.16/28", count: 3 }),
    /10\.77\.0\.16\/28 is too small: .* 4 for 3 machines; write a \/27 or larger, such as "10\.77\.0\.0\/27"/,
  );
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 32 }), fc.integer({ min: 1, max: 200 }), (length, count) => {
      try {
        plan({ prefix: "taiga", cidr: `10.64.0.0/${length}`, count });
      } catch (error) {
        const remedy = /such as "([^"]+)"/.exec((error as Error).message)?.[1] ?? "";
        assert.equal(plan({ prefix: "taiga", cidr: remedy, count }).machines.length, count);
      }
    }),
  );
});

test("a prefix that cannot begin a host name is refused with one that can", () => {
  for (const prefix of ["Taiga_Dev", "9lives", "-", "", "a".repeat(70), "taiga-"]) {
    assert.throws(
      () => plan({ prefix, cidr: "10.77.0.0/24", count: 1 }),
      (error: Error) => {
        const remedy = /write "([^"]+)"/.exec(error.message)?.[1] ?? "";
        return plan({ prefix: remedy, cidr: "10.77.0.0/24", count: 1 }).prefix === remedy;
      },
      prefix,
    );
  }
});

test("the entry address may be another, free one of the network", () => {
  const place = { prefix: "taiga", cidr: "10.77.0.0/24", count: 3 };
  assert.equal(plan({ ...place, entry: "10.77.0.200" }).entry, "10.77.0.200");
  for (const [entry, why] of [
    ["10.78.0.5", /is no host's address in 10\.77\.0\.0\/24; write .* such as "10\.77\.0\.5"/],
    ["10.77.0.0", /is no host's address/],
    ["10.77.0.255", /is no host's address/],
    ["10.77.0.1", /is the host's own/],
    ["10.77.0.13", /is machine 3's/],
    ["10.77.0", /is no IPv4 address/],
    ["10.77.0.5/24", /is no IPv4 address/],
  ] as const)
    assert.throws(() => plan({ ...place, entry }), why, entry);
});

for (const count of [0, -1, 1.5, Number.NaN, 201]) {
  test(`${count} machines are refused`, () => {
    assert.throws(
      () => plan({ prefix: "taiga", cidr: "10.64.0.0/16", count }),
      /write a whole number from 1 to 200/,
    );
  });
}
