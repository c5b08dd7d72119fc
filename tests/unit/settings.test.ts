import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readSettings, unknownFields } from "../../components/settings";

const messages = (raw: object) =>
  readSettings({ prefix: "taiga-dev", ...raw }).problems.map(({ field, message }) => `${field}: ${message}`);

describe("a stack's settings", () => {
  it("have defaults that are valid and fit in 4 GiB", () => {
    const { settings, problems, warnings } = readSettings({ prefix: "taiga-dev" });
    assert.deepEqual([problems, warnings], [[], []]);
    assert.ok(settings.machines.count * settings.machines.memory <= 4096);
    assert.equal(settings.pool, "/var/lib/taiga/taiga-dev");
  });

  it("name the database and its user taiga, each unless it is named otherwise", () => {
    const database = (raw: object) => readSettings({ prefix: "p", ...raw }).settings.application.database;
    assert.deepEqual(database({}), { name: "taiga", user: "taiga" });
    assert.deepEqual(database({ database: {} }), { name: "taiga", user: "taiga" });
    assert.deepEqual(database({ database: { name: "projects" } }), { name: "projects", user: "taiga" });
    const longest = `_${"a".repeat(62)}`;
    const both = { name: longest, user: "order" };
    assert.deepEqual(database({ database: both }), both);
    assert.deepEqual(messages({ database: both }), []);
  });

  const refusals: readonly [string, object, RegExp][] = [
    [
      "memory below what runs the cluster",
      { machines: { memory: 256 } },
      /taiga:machines\.memory: 256 MiB is below what runs the cluster \(768 MiB\).*write 1280/,
    ],
    ["memory that is no number", { machines: { memory: "1G" } }, /taiga:machines\.memory: "1G"/],
    [
      "an unknown image",
      { machines: { image: "slackware" } },
      /taiga:machines\.image: is "slackware"; write one of debian, flatcar, fcos/,
    ],
    [
      "an unknown kind",
      { machines: { kind: "xen" } },
      /taiga:machines\.kind: "xen".*auto, kvm, emulated, container/,
    ],
    ["a field that is none", { machines: { mem: 1 } }, /taiga:machines\.mem: 1 .*count, kind, memory/],
    ["a network that is none", { network: "10.0.0" }, /taiga:network: .*10\.0\.0/],
    ...["0.0.0.0/24", "127.0.0.0/24", "169.254.8.0/24", "224.0.0.0/24", "240.0.0.0/16", "0.0.0.0/0"].flatMap(
      (text): [string, object, RegExp][] =>
        (["network", "containers"] as const).map((field) => [
          `${text} as taiga:${field}`,
          { [field]: text },
          new RegExp(
            `taiga:${field}: "${text}" overlaps (0|127|169|224)\\.\\S+, which .*; write another, such as "10\\.`,
          ),
        ]),
    ),
    ["a network too small", { network: "10.77.0.0/29" }, /taiga:network: .*10\.77\.0\.0\/29.*write/],
    [
      "networks that overlap",
      { network: "10.244.1.0/24" },
      /taiga:containers: .*overlaps taiga:network 10\.244\.1\.0\/24/,
    ],
    ["a pool that is not absolute", { pool: "pool" }, /taiga:pool: "pool" is not absolute/],
    [
      "broken cloud-config",
      { cloudConfig: "#cloud-config\nwrite_files:\n  - path: etc/x\n" },
      /taiga:cloudConfig.*write_files\[0\]\.path.*etc\/x/,
    ],
    [
      "cloud-config without its first line",
      { cloudConfig: "hostname: x" },
      /taiga:cloudConfig.*#cloud-config/,
    ],
  ];
  const application: typeof refusals = [
    ["an entry that is a machine's", { entry: "10.77.0.11" }, /taiga:entry: "10\.77\.0\.11" is machine 1's/],
    [
      "unknown services",
      { services: "some" },
      /taiga:services: "some" is not known; write one of auto, all, core/,
    ],
    [
      "more of the API than machines",
      { back: { instances: 4 } },
      /taiga:back\.instances: 4 is no number .*write 1 to 3/,
    ],
    [
      "an unknown flag",
      { features: { publicRegistration: true } },
      /taiga:features\.publicRegistration: true is for no known field; write one of publicRegister, telemetry/,
    ],
    [
      "a flag that is no boolean",
      { features: { telemetry: "yes" } },
      /taiga:features\.telemetry: "yes" is neither on nor off; write true or false/,
    ],
    [
      "an unknown importer",
      { features: { importers: ["asana"] } },
      /taiga:features\.importers: \["asana"\] is no list of importers; write a list of github, jira, trello/,
    ],
    ...["postgres", "template0", "template1", "taiga_restoring", "taiga_replaced"].map(
      (name): [string, object, RegExp] => [
        `${name} as Taiga's database`,
        { database: { name } },
        new RegExp(`taiga:database\\.name: "${name}" is taken by .*write another, such as taiga`),
      ],
    ),
    ...["postgres", "public", "none", "replicator", "rewinder", "pg_taiga"].map(
      (user): [string, object, RegExp] => [
        `${user} as the database's user`,
        { database: { user } },
        new RegExp(`taiga:database\\.user: "${user}" is taken by .*write another, such as taiga`),
      ],
    ),
    ...["", "Taiga", "9lives", "a-b", 'a"b', "a b", "a\n", "a".repeat(64), 5, null, ["taiga"]].map(
      (name): [string, object, RegExp] => [
        `a database named ${JSON.stringify(name)}`,
        { database: { name } },
        /taiga:database\.name: .* is no plain identifier .*at most 63 lower-case letters.*such as taiga/,
      ],
    ),
    [
      "a database's unknown field",
      { database: { password: "hunter2" } },
      /taiga:database\.password: "\[secret\]" is for no known field; write one of name, user/,
    ],
    [
      "a database that is no mapping",
      { database: "projects" },
      /taiga:database: .*is no mapping; write one such as \{ name: taiga, user: taiga \}/,
    ],
    ["features that are a list", { features: ["telemetry"] }, /taiga:features: .*is no mapping/],
    [
      "an admin without an address",
      { admin: { username: "ada" } },
      /taiga:admin\.email: null is no mail address; write one such as ada@example\.org/,
    ],
    [
      "an admin whose name Taiga would not take",
      { admin: { username: "ada l", email: "ada@example.org" } },
      /taiga:admin\.username: "ada l" is no user's name; write letters/,
    ],
    [
      "an admin's password that is too short",
      { admin: { username: "ada", email: "ada@example.org", password: "hunter2" } },
      /taiga:admin\.password: "\[secret\]" is no line of at least 8 characters/,
    ],
    [
      "an admin's unknown field",
      { admin: { username: "ada", email: "ada@example.org", passwort: "hunter2" } },
      /taiga:admin\.passwort: "\[secret\]" is for no known field; write one of username, email, password/,
    ],
    ["mail without a server", { email: { user: "taiga" } }, /taiga:email\.host: null is no mail server/],
    ["a port that is none", { email: { host: "m", port: 0 } }, /taiga:email\.port: 0 is no port; write 587/],
    [
      "an unknown encryption",
      { email: { host: "m", encryption: "ssl" } },
      /taiga:email\.encryption: "ssl" is not known; write one of none, starttls, tls/,
    ],
  ];
  it("may have a public network, and what lies beside those that no machine can have", () => {
    for (const network of [
      "8.8.8.0/24",
      "1.0.0.0/24",
      "126.255.255.0/24",
      "128.0.0.0/24",
      "223.255.255.0/24",
    ])
      assert.deepEqual(messages({ network }), [], network);
    for (const containers of ["8.8.0.0/16", "169.253.0.0/16", "169.255.0.0/16"])
      assert.deepEqual(messages({ containers }), [], containers);
  });

  it("never repeat a password in a message", () => {
    assert.doesNotMatch(messages({ email: { host: "m", password: ["hunter2"] } }).join(), /hunter2/);
    for (const admin of [
      "hunter2",
      { passwort: "hunter2" },
      { username: "a", email: "a@b", password: "hunter2" },
    ])
      assert.doesNotMatch(messages({ admin }).join(), /hunter2/);
  });

  for (const [what, raw, expected] of [...refusals, ...application]) {
    it(`are refused: ${what}`, () => {
      assert.equal(messages(raw).length >= 1, true);
      assert.match(messages(raw).join("\n"), expected);
    });
  }

  it("are refused: a field that nothing reads", () => {
    const [problem, ...more] = unknownFields(["taiga:netwrk", "taiga:network", "libvirt:uri"]);
    assert.deepEqual([problem?.field, more], ["taiga:netwrk", []]);
    assert.match(problem?.message ?? "", /network/);
  });

  it("warn about an even number of members", () => {
    const { problems, warnings } = readSettings({ prefix: "p", machines: { count: 4 } });
    assert.deepEqual(problems, []);
    assert.match(warnings[0]?.message ?? "", /4 is even.*3 or 5/);
  });

  it("never throw, whatever stands in the file", () => {
    fc.assert(
      fc.property(
        fc.record({
          machines: fc.anything(),
          network: fc.string(),
          containers: fc.string(),
          pool: fc.string(),
          entry: fc.string(),
          back: fc.anything(),
          database: fc.anything(),
          features: fc.anything(),
          email: fc.anything(),
          admin: fc.anything(),
        }),
        (raw) => {
          const { problems } = readSettings({ prefix: "p", ...raw });
          for (const { message } of problems) assert.doesNotMatch(message, /\n\s+at /);
        },
      ),
    );
  });
});
