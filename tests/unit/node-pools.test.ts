import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { placements } from "../../components/node-pools";
import { readSettings } from "../../components/settings";
import { plan } from "../../nodes/plan";
import { machineNumbers, poolNumbers } from "../../nodes/pool-numbers";

const hypervisors = {
  rack1: "qemu+ssh://taiga@rack1.example.org/system",
  rack2: "qemu+tls://rack2.example.org/system",
};
const base = {
  prefix: "taiga-prod",
  hypervisors,
  machines: { kind: "kvm", memory: 2048 },
  link: { mode: "bridge", bridge: "br0" },
};
const read = (pools: unknown, more: object = {}) => readSettings({ ...base, pools, ...more });
const messages = (pools: unknown, more: object = {}) =>
  read(pools, more).problems.map(({ field, message }) => `${field} ${message}`);

describe("node pools", () => {
  it("have sizes of their own and the stack's where they say nothing", () => {
    const { settings, problems } = read({
      db: { count: 2, memory: 8192, dataDisk: 20480, metadata: { disk: "ssd", tier: 1 } },
      web: { count: 1, vcpus: 4 },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(settings.pools, [
      {
        name: "db",
        numbers: [1, 2],
        hypervisors: ["rack1", "rack2"],
        memory: 8192,
        vcpus: 1,
        dataDisk: 20480,
        metadata: { disk: "ssd", tier: "1" },
      },
      {
        name: "web",
        numbers: [3],
        hypervisors: ["rack1", "rack2"],
        memory: 2048,
        vcpus: 4,
        dataDisk: 4096,
        metadata: {},
      },
    ]);
  });

  it("are one without a name where a stack lists none, on the one libvirt there is", () => {
    const { settings } = readSettings({ prefix: "taiga-dev", libvirt: "qemu:///session" });
    assert.deepEqual(settings.hypervisors, [{ name: "libvirt:uri", uri: "qemu:///session" }]);
    assert.deepEqual(settings.pools, [
      {
        numbers: [1, 2, 3],
        hypervisors: ["libvirt:uri"],
        memory: 1280,
        vcpus: 1,
        dataDisk: 4096,
        metadata: {},
      },
    ]);
  });

  it("place their machines on their hypervisors in turn", () => {
    const { settings } = read({ db: { count: 3 }, web: { count: 2, first: 11, hypervisors: ["rack2"] } });
    assert.deepEqual(
      placements(settings.pools).map(({ number, hypervisor }) => [number, hypervisor]),
      [
        [1, "rack1"],
        [2, "rack2"],
        [3, "rack1"],
        [11, "rack2"],
        [12, "rack2"],
      ],
    );
  });

  it("that leave room grow without another machine's number changing", () => {
    const web = { count: 2, first: 11 };
    const before = poolNumbers({ db: { count: 1 }, web });
    const after = poolNumbers({ db: { count: 3 }, web });
    assert.deepEqual(after.at(-1), before.at(-1));
  });

  it("have their machines' names and addresses by number, gaps left out", () => {
    const numbers = machineNumbers({ count: 3 }, { db: { count: 1 }, web: { count: 1, first: 11 } }, 3);
    const { machines } = plan({
      prefix: "taiga-x",
      cidr: "10.77.0.0/24",
      count: Math.max(...numbers),
      numbers,
    });
    const all = plan({ prefix: "taiga-x", cidr: "10.77.0.0/24", count: 11 }).machines;
    assert.deepEqual(machines, [all[0], all[10]]);
  });

  it("of number ranges that do not meet make every machine once", () => {
    const pool = fc.record({ count: fc.integer({ min: 1, max: 5 }) }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), pool, { maxKeys: 5 }), (pools) => {
        const numbers = machineNumbers(undefined, pools, 3);
        assert.equal(new Set(numbers).size, numbers.length);
        assert.deepEqual(
          numbers,
          [...numbers].sort((one, other) => one - other),
        );
      }),
    );
  });

  for (const [what, pools, expected] of [
    ["no mapping", [1], /^taiga:pools is \[1\]; write a mapping/],
    ["a name with a capital", { Db: {} }, /^taiga:pools\.Db .*write a name of lower-case/],
    ["an unknown field", { db: { cpu: 2 } }, /^taiga:pools\.db\.cpu is 2; write one of count, first/],
    [
      "no whole count",
      { db: { count: 1.5 } },
      /^taiga:pools\.db\.count is 1\.5; write a whole number from 1 to 5/,
    ],
    [
      "memory below what runs the cluster",
      { db: { memory: 64 } },
      /^taiga:pools\.db\.memory 64 MiB is below.*write 1280/,
    ],
    [
      "an unknown hypervisor",
      { db: { hypervisors: ["rack9"] } },
      /hypervisors\[0\] is "rack9"; write one of rack1, rack2/,
    ],
    ["no hypervisor", { db: { hypervisors: [] } }, /hypervisors is \[\]; write a list with one of rack1/],
    [
      "metadata every machine has",
      { db: { metadata: { index: 3 } } },
      /metadata\.index is 3; write another word/,
    ],
    [
      "metadata fleet would split",
      { db: { metadata: { a: "b,c" } } },
      /metadata\.a is "b,c"; write a word without comma/,
    ],
    ["metadata that are none", { db: { metadata: "a" } }, /metadata is "a"; write a mapping/],
    [
      "a machine twice",
      { a: { count: 3 }, b: { first: 2 } },
      /^taiga:pools\.b\.first makes machine 2 a second time, beside pool a; write 4/,
    ],
    [
      "fewer than three machines before a gap",
      { db: { count: 2 }, web: { count: 1, first: 11 } },
      /^taiga:pools\.web\.first makes machine 11 and leaves out 3; write 3, or more .* machines 1 to 3 keep/,
    ],
    [
      "a first machine that is not machine 1",
      { db: { count: 1, first: 2 } },
      /^taiga:pools\.db\.first makes machine 2 and leaves out 1; write 1, or/,
    ],
    [
      "more members than etcd wants",
      { a: { count: 5 }, b: { count: 2 } },
      /^taiga:pools have 7 machines.*at most 5/,
    ],
  ] as const) {
    it(`are refused: ${what}`, () => {
      const all = messages(pools);
      assert.equal(all.length, 1, all.join("\n"));
      assert.match(all[0] as string, expected);
    });
  }

  it("are refused beside a count of machines, which would mean nothing", () => {
    const [message] = messages({ db: { count: 3 } }, { machines: { kind: "kvm", count: 5 } });
    assert.match(message ?? "", /^taiga:machines\.count 5 stands beside taiga:pools.*take it out/);
  });

  it("warn of an even number of members over all pools", () => {
    const { warnings } = read({ db: { count: 3 }, web: { count: 1 } });
    assert.match(
      warnings.map(({ field, message }) => `${field} ${message}`).join(),
      /^taiga:pools 4 is even.*3 or 5/,
    );
  });
});
