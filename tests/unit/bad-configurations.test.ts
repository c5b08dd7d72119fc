import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { problemLine, readStack } from "../../components/stack-config";
import { parseUnitFile, UnitFileError } from "../../provider/fleet/unit-file";

/** One thing that is wrong, in a stack that is right without it. */
interface Fault {
  /** Keys of the stack's file; a mapping as YAML would have it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where the error must be. */
  readonly field: string;
  /** What it must show. */
  readonly value: unknown;
}

/** The text the engine makes of a value in a stack's file. */
const asText = (value: unknown): string =>
  typeof value === "object" ? JSON.stringify(value) : String(value);

function linesOf(config: Readonly<Record<string, unknown>>): string[] {
  const texts = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, asText(value)]));
  const { problems } = readStack(texts, { project: "taiga", stack: "dev" }, (path) => {
    throw Object.assign(new Error(path), { code: "ENOENT" });
  });
  return problems.map((problem) => problemLine("dev", problem));
}

const remedy =
  /\b(write|take it out|take it off|did you mean|take one|take the line|take the backslash|take them off|move it|save the file)\b/;

function assertRefused({ config, field, value }: Fault): void {
  const lines = linesOf(config);
  const about = lines.filter((line) => line.startsWith(`Pulumi.dev.yaml ${field}`));
  assert.ok(about.length > 0, `nothing about ${field} of ${JSON.stringify(config)}:\n${lines.join("\n")}`);
  for (const line of lines) {
    assert.match(line, remedy);
    assert.doesNotMatch(line, /\n|\bat \S+:\d+:\d+|TypeError|undefined|\[object/);
  }
  const shown = (
    typeof value === "string" ? JSON.stringify(value).slice(1, -1) : JSON.stringify(value)
  ).slice(0, 40);
  assert.ok(
    about.some((line) => line.includes(shown)),
    `${shown} is not in:\n${about.join("\n")}`,
  );
}

const fault = <T>(values: fc.Arbitrary<T>, make: (value: T) => Fault): fc.Arbitrary<Fault> =>
  values.map(make);
const machines = (field: string, values: fc.Arbitrary<unknown>) =>
  fault(values, (value) => ({
    config: { "taiga:machines": { [field]: value } },
    field: `taiga:machines.${field}`,
    value,
  }));
const cloudConfig = (path: string, values: fc.Arbitrary<unknown>, document: (value: unknown) => object) =>
  fault(values, (value) => ({
    config: { "taiga:cloudConfig": `#cloud-config\n${JSON.stringify(document(value))}` },
    field: `taiga:cloudConfig ${path}`,
    value,
  }));

const word = fc.stringMatching(/^[a-z]{3,12}$/);
const without = (known: readonly string[]) => word.filter((each) => !known.includes(each));
const noNumber = fc.oneof(
  fc.double({ min: 0.1, max: 1e6, noNaN: true }).filter((each) => !Number.isInteger(each)),
  word,
  fc.constantFrom("3", "1G", "-1", true, false, [3], { a: 1 }),
);
const outside = (least: number, most: number) =>
  fc.oneof(fc.integer({ max: least - 1 }), fc.integer({ min: most + 1, max: 2 ** 40 }), noNumber);
const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const three = {
  a: "qemu+ssh://a.example.org/system",
  b: "qemu+tls://b.example.org/system",
  c: "qemu+ssh://ops@c.example.org:2222/system",
};
const production = {
  "taiga:production": true,
  "taiga:hypervisors": three,
  "taiga:machines": { kind: "kvm", image: "flatcar" },
  "taiga:link": { mode: "bridge", bridge: "br0" },
};
const sizes = { memory: [768, 1_048_576], vcpus: [1, 64], dataDisk: [2048, 67_108_864] } as const;

const generated: Readonly<Record<string, fc.Arbitrary<Fault>>> = {
  "a number of machines": machines("count", outside(1, 5)),
  "a size": fc.constantFrom(...Object.keys(sizes)).chain((field) => {
    const [least, most] = sizes[field as keyof typeof sizes];
    return machines(field, outside(least, most));
  }),
  "a kind": machines("kind", without(["auto", "kvm", "emulated", "container"])),
  "an image": machines("image", without(["debian", "flatcar", "fcos"])),
  "a field of machines": without(["count", "kind", "memory", "vcpus", "image"]).chain((field) =>
    machines(field, word),
  ),
  "the database's names": fc
    .tuple(
      fc.constantFrom("name", "user"),
      fc.oneof(
        fc.stringMatching(/^([A-Z]|[0-9]|[a-z]+[ -])[a-z]{2,12}$/),
        fc.integer(),
        fc.constant("postgres"),
      ),
    )
    .map(([field, value]) => ({
      config: { "taiga:database": { [field]: value } },
      field: `taiga:database.${field}`,
      value,
    })),
  "an image's version without its checksum": fault(fc.tuple(octet, octet, octet), ([a, b, c]) => {
    const version = `${a}.${b}.${c}`;
    return {
      config: { "taiga:machines": { kind: "kvm", image: { name: "flatcar", version } } },
      field: "taiga:machines.image.checksum",
      value: version,
    };
  }),
  "an image's checksum": fault(fc.stringMatching(/^(md5|sha256|sha512):[0-9a-f]{1,50}$/), (value) => ({
    config: { "taiga:machines": { kind: "kvm", image: { name: "fcos", checksum: value } } },
    field: "taiga:machines.image.checksum",
    value,
  })),
  "a key nothing reads": fault(word, (name) => ({
    config: { [`taiga:${name}x`]: 1 },
    field: `taiga:${name}x`,
    value: `${name}x`,
  })),
  "a network": fault(
    fc.oneof(
      word,
      address,
      address.map((each) => `${each}/33`),
      address.map((each) => `0${each}/24`),
    ),
    (value) => ({ config: { "taiga:network": value }, field: "taiga:network", value }),
  ),
  "a network with host bits": fault(fc.integer({ min: 1, max: 255 }), (last) => ({
    config: { "taiga:network": `10.9.0.${last}/24` },
    field: "taiga:network",
    value: `10.9.0.${last}/24`,
  })),
  "a network without room": fault(fc.integer({ min: 28, max: 32 }), (length) => ({
    config: { "taiga:network": `10.9.0.0/${length}` },
    field: "taiga:network",
    value: `10.9.0.0/${length}`,
  })),
  "a network for containers": fault(
    fc.oneof(
      word,
      fc.integer({ min: 22, max: 32 }).map((length) => `10.244.0.0/${length}`),
      fc.constant("10.77.0.0/16"),
    ),
    (value) => ({ config: { "taiga:containers": value }, field: "taiga:containers", value }),
  ),
  "a pool's folder": fault(word, (value) => ({
    config: { "taiga:pool": value },
    field: "taiga:pool",
    value,
  })),
  "a prefix": fault(fc.stringMatching(/^([A-Z][a-z]{0,5}|[0-9][a-z]{0,5}|[a-z]+[_. ][a-z]+)$/), (value) => ({
    config: { "taiga:prefix": value },
    field: "taiga:prefix",
    value,
  })),
  "a boolean": fault(
    fc.tuple(fc.constantFrom("protectData", "production"), without(["true", "false"])),
    ([key, value]) => ({ config: { [`taiga:${key}`]: value }, field: `taiga:${key}`, value }),
  ),
  "a mapping": fault(
    fc.tuple(fc.constantFrom("machines", "pools", "hypervisors", "link"), fc.oneof(word, fc.constant([1]))),
    ([key, value]) => ({ config: { [`taiga:${key}`]: value }, field: `taiga:${key}`, value }),
  ),
  "a hypervisor": fault(
    fc.oneof(
      word,
      word.map((host) => `xen+ssh://${host}/system`),
      word.map((host) => `qemu+ssh://${host}`),
    ),
    (value) => ({
      config: { ...production, "taiga:hypervisors": { ...three, a: value } },
      field: "taiga:hypervisors.a",
      value,
    }),
  ),
  "a link": fault(without(["nat", "bridge", "route"]), (value) => ({
    config: { "taiga:link": { mode: value } },
    field: "taiga:link.mode",
    value,
  })),
  "a bridge's name": fault(fc.stringMatching(/^([a-z]{16,20}|[a-z]{1,5}[/: ][a-z]{1,5})$/), (value) => ({
    config: { "taiga:link": { mode: "bridge", bridge: value } },
    field: "taiga:link.bridge",
    value,
  })),
  "a gateway elsewhere": fault(
    address.filter((each) => !each.startsWith("10.77.0.")),
    (value) => ({
      config: { "taiga:link": { mode: "bridge", bridge: "br0", gateway: value } },
      field: "taiga:link.gateway",
      value,
    }),
  ),
  "a pool's count": fault(outside(1, 5), (value) => ({
    config: { "taiga:pools": { db: { count: value } } },
    field: "taiga:pools.db.count",
    value,
  })),
  "a pool's field": fault(without(["count", "first", "memory", "vcpus"]), (key) => ({
    config: { "taiga:pools": { db: { [key]: 1 } } },
    field: `taiga:pools.db.${key}`,
    value: key,
  })),
  "a pool's hypervisor": fault(word, (value) => ({
    config: { "taiga:pools": { db: { hypervisors: [value] } } },
    field: "taiga:pools.db.hypervisors[0]",
    value,
  })),
  "a pool's metadata": fault(fc.stringMatching(/^[a-z]{1,5}[,= "][a-z]{1,5}$/), (value) => ({
    config: { "taiga:pools": { db: { metadata: { disk: value } } } },
    field: "taiga:pools.db.metadata.disk",
    value,
  })),
  "pools that meet": fault(fc.integer({ min: 1, max: 3 }), (first) => ({
    config: { "taiga:pools": { db: { count: 3 }, web: { count: 1, first } } },
    field: "taiga:pools.web.first",
    value: first,
  })),
  "a key of cloud-config": without(["users", "coreos", "hostname"]).chain((key) =>
    cloudConfig(key, fc.constant(1), () => ({ [key]: 1 })),
  ),
  "a file's path": cloudConfig("write_files[0].path", word, (path) => ({ write_files: [{ path }] })),
  "a file's permissions": cloudConfig(
    "write_files[0].permissions",
    fc.oneof(fc.stringMatching(/^[89a-z]{3}$/), fc.integer({ min: 0, max: 777 })),
    (permissions) => ({ write_files: [{ path: "/a", permissions }] }),
  ),
  "a user's name": cloudConfig("users[0].name", fc.stringMatching(/^[A-Z0-9][a-z]{1,5}$/), (name) => ({
    users: [{ name }],
  })),
  "a unit's name": cloudConfig("coreos.units[0].name", word, (name) => ({ coreos: { units: [{ name }] } })),
  "a unit's text": cloudConfig("coreos.units[0].content", word, (content) => ({
    coreos: { units: [{ name: "a.service", content }] },
  })),
  "an option of etcd": without(["metrics", "name", "cors", "debug"]).chain((key) =>
    cloudConfig(`coreos.etcd2.${key}`, fc.constant(1), () => ({ coreos: { etcd2: { [key]: 1 } } })),
  ),
  "a file that is not there": fault(word, (value) => ({
    config: { "taiga:cloudConfig": `./${value}.yaml` },
    field: "taiga:cloudConfig",
    value,
  })),
  "an even number in production": fault(fc.constantFrom(2, 4), (count) => ({
    config: { ...production, "taiga:machines": { kind: "kvm", image: "flatcar", count } },
    field: "taiga:machines.count",
    value: count,
  })),
  "one hypervisor in production": fault(fc.constantFrom("a", "b", "c"), (name) => ({
    config: { ...production, "taiga:pools": { db: { count: 3, hypervisors: [name] } } },
    field: "taiga:hypervisors",
    value: name,
  })),
  "an open port in production": fault(fc.integer({ min: 1, max: 65_535 }), (port) => ({
    config: {
      ...production,
      "taiga:cloudConfig": `#cloud-config\ncoreos: {units: [{name: a.socket, content: "[Socket]\\nListenStream=${port}"}]}`,
    },
    field: "taiga:cloudConfig coreos.units[0].content",
    value: port,
  })),
  "a hypervisor's open port in production": fault(word, (host) => ({
    config: { ...production, "taiga:hypervisors": { ...three, b: `qemu+tcp://${host}/system` } },
    field: "taiga:hypervisors.b",
    value: host,
  })),
};

describe("generated bad configurations", () => {
  it("have as their ground two that are right", () => {
    assert.deepEqual(linesOf({}), []);
    assert.deepEqual(linesOf(production), []);
  });

  const each = Math.ceil(200 / Object.keys(generated).length) + 2;
  for (const [what, faults] of Object.entries(generated)) {
    it(`are refused with field, value and remedy: ${what}`, () => {
      fc.assert(fc.property(faults, assertRefused), { numRuns: each });
    });
  }

  it("are refused when several things are wrong at once, each with its own line", () => {
    // Production's rules are asked of what is right in itself; gateway and containers of a network that is one.
    const alone = /production|gateway|containers/;
    const names = fc.constantFrom(...Object.keys(generated).filter((name) => !alone.test(name)));
    const two = fc
      .tuple(names, names)
      .filter(([one, other]) => one !== other)
      .chain(([one, other]) =>
        fc.tuple(generated[one] as fc.Arbitrary<Fault>, generated[other] as fc.Arbitrary<Fault>),
      )
      .filter(([one, other]) => Object.keys(one.config).every((key) => !(key in other.config)));
    fc.assert(
      fc.property(two, ([one, other]) => {
        const lines = linesOf({ ...one.config, ...other.config });
        for (const { field } of [one, other])
          assert.ok(
            lines.some((line) => line.startsWith(`Pulumi.dev.yaml ${field}`)),
            `${field}: ${lines.join("\n")}`,
          );
        for (const line of lines) assert.match(line, remedy);
      }),
      { numRuns: 60 },
    );
  });

  it("never throw, whatever text stands where", () => {
    const keys = ["machines", "pools", "hypervisors", "link", "network", "containers", "pool", "prefix"];
    const texts = fc.dictionary(
      fc.constantFrom(...[...keys, "cloudConfig", "production", "protectData"].map((key) => `taiga:${key}`)),
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.constantFrom("null", "0", "[]", "{}", '{"db":null}', "#cloud-config\n"),
      ),
    );
    fc.assert(
      fc.property(texts, (config) => {
        for (const line of linesOf(config))
          assert.doesNotMatch(line, /\bat \S+:\d+:\d+|TypeError|Cannot read/);
      }),
      { numRuns: 300 },
    );
  });
});

const written: readonly (readonly [string, Fault])[] = [
  [
    "no mapping of machines",
    { config: { "taiga:machines": "lots" }, field: "taiga:machines", value: "lots" },
  ],
  [
    "a field that every object of JavaScript has",
    { config: { "taiga:machines": { constructor: 1 } }, field: "taiga:machines.constructor", value: 1 },
  ],
  [
    "an image of that kind",
    { config: { "taiga:machines": { image: "toString" } }, field: "taiga:machines.image", value: "toString" },
  ],
  [
    "an option of etcd of that kind",
    {
      config: { "taiga:cloudConfig": "#cloud-config\ncoreos: {etcd2: {constructor: a}}" },
      field: "taiga:cloudConfig coreos.etcd2.constructor",
      value: "a",
    },
  ],
  ["a null pool", { config: { "taiga:pools": { db: null } }, field: "taiga:pools.db", value: "missing" }],
  [
    "memory with a unit",
    { config: { "taiga:machines": { memory: "2G" } }, field: "taiga:machines.memory", value: "2G" },
  ],
  [
    "NAT over hypervisors",
    {
      config: { "taiga:hypervisors": three, "taiga:machines": { kind: "kvm" } },
      field: "taiga:link.mode",
      value: "nat",
    },
  ],
  [
    "a route without entry",
    { config: { "taiga:link": { mode: "route", bridge: "br0" } }, field: "taiga:link.mode", value: "route" },
  ],
  [
    "containers far away",
    {
      config: { ...production, "taiga:production": false, "taiga:machines": { kind: "container" } },
      field: "taiga:machines.kind",
      value: "container",
    },
  ],
  [
    "Flatcar in a container",
    {
      config: { "taiga:machines": { kind: "container", image: "flatcar" } },
      field: "taiga:machines.image",
      value: "flatcar",
    },
  ],
  [
    "one machine in production",
    {
      config: { ...production, "taiga:machines": { kind: "kvm", image: "flatcar", count: 1 } },
      field: "taiga:machines.count",
      value: 1,
    },
  ],
  [
    "data without protection in production",
    { config: { ...production, "taiga:protectData": false }, field: "taiga:protectData", value: false },
  ],
  [
    "auto in production",
    {
      config: {
        ...production,
        "taiga:hypervisors": {},
        "taiga:link": { mode: "nat" },
        "taiga:machines": { image: "flatcar" },
      },
      field: "taiga:machines.kind",
      value: "auto",
    },
  ],
  [
    "cloud-config without its first line",
    {
      config: { "taiga:cloudConfig": "hostname: x\nusers: []" },
      field: "taiga:cloudConfig line 1",
      value: "hostname: x",
    },
  ],
  [
    "YAML with a tab",
    {
      config: { "taiga:cloudConfig": "#cloud-config\nusers:\n\t- a" },
      field: "taiga:cloudConfig line 3",
      value: "YAML",
    },
  ],
  [
    "the etcd of CoreOS's first days",
    {
      config: { "taiga:cloudConfig": "#cloud-config\ncoreos: {etcd: {name: a}}" },
      field: "taiga:cloudConfig coreos.etcd",
      value: "a",
    },
  ],
];

describe("hand-written bad configurations", () => {
  for (const [what, one] of written)
    it(`are refused with field, value and remedy: ${what}`, () => assertRefused(one));
});

describe("generated bad unit files", () => {
  const good = ["[Unit]", "Description=a", "[Service]", "ExecStart=/bin/a", "[X-Fleet]"];
  const option = fc.constantFrom(
    "MachineID=abc",
    "MachineOf=b.service",
    "Conflicts=c@*.service",
    "Global=true",
  );
  const bad: fc.Arbitrary<readonly string[]> = fc.oneof(
    fc.stringMatching(/^[A-Z][a-z]{9,14}=[a-z]+$/).map((line) => [line]),
    fc.stringMatching(/^[a-z]{3,8} [a-z]{3,8}$/).map((line) => [line]),
    fc.stringMatching(/^\[[A-Z][a-z]{2,8} ?$/).map((line) => [line]),
    fc.stringMatching(/^\[[G-H][a-z]{9,12}\]$/).map((line) => [line]),
    fc.constantFrom("MachineMetadata", "Conflicts", "MachineOf").map((name) => [`${name}=`]),
    fc.stringMatching(/^[a-z]{2,6}$/).map((text) => [`MachineMetadata=${text}`]),
    fc.stringMatching(/^(yes|on|[2-9]|oui)$/).map((text) => [`Global=${text}`]),
    fc
      .tuple(option, option)
      .filter(
        ([one, other]) => one !== other && /Global|MachineID/.test(one) && !/Global|MachineID/.test(other),
      ),
    fc.constantFrom("Global=true \\", "# a comment \\").map((line) => [line]),
  );

  it("are refused with file, line and remedy, never a stack trace", () => {
    fc.assert(
      fc.property(bad, (lines) => {
        assert.throws(
          () => parseUnitFile([...good, ...lines, ""].join("\n"), "units/a.service", "a.service"),
          (error) => {
            assert.ok(error instanceof UnitFileError);
            for (const problem of error.problems) {
              assert.match(problem, /^units\/a\.service:\d+: /);
              assert.match(problem, remedy);
            }
            return true;
          },
        );
      }),
      { numRuns: 100 },
    );
  });
});
