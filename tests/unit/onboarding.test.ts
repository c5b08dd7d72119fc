import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { declaredIn } from "../../deploy/onboarding/declared";
import { groupKeys } from "../../deploy/onboarding/keys";
import { writeProgram } from "../../deploy/onboarding/program";
import { looksSecret } from "../../deploy/onboarding/secret";
import { groupUnits } from "../../deploy/onboarding/units";
import type { FleetUnit } from "../../provider/clients/fleet";
import type { FoundKey } from "../../provider/etcd/range";
import { readOptions } from "../../provider/fleet/unit-file";

const key = (name: string, value = "v", lease = "0"): FoundKey => ({
  key: Buffer.from(name),
  value: Buffer.from(value),
  lease,
});
const none = { declared: new Set<string>(), secret: [], plain: [] };

const steady = "[Service]\nExecStart=/bin/sleep infinity\n";
const beside = (peer: string) => `${steady}\n[X-Fleet]\nMachineOf=${peer}\n`;
const unit = (
  name: string,
  text = steady,
  desiredState: FleetUnit["desiredState"] = "launched",
): FleetUnit => ({
  name,
  desiredState,
  options: readOptions(text),
});
const undeclared = {
  declared: { units: new Set<string>(), services: new Set<string>() },
  isActive: () => true,
};

describe("onboarding", () => {
  it("makes a prefix of keys in one folder, and single keys of those that are alone", () => {
    const { groups, leftOut } = groupKeys(
      ["/b/y", "/b/x", "/a", "/b/c/z"].map((name) => key(name)),
      none,
    );
    assert.deepEqual(
      groups.map(({ prefix, keys }) => [prefix, keys.map((each) => each.key)]),
      [
        ["", ["/a"]],
        ["/b/c", ["/b/c/z"]],
        ["/b", ["/b/x", "/b/y"]],
      ],
    );
    assert.deepEqual(leftOut, []);
  });

  it("leaves out, with the reason, what is leased, the cluster's own, no text or no path; and what is declared", () => {
    const { groups, leftOut } = groupKeys(
      [
        key("/services/web/1", "", "42"),
        key("/coreos.com/network/config"),
        { ...key("/binary"), value: Buffer.from([0xff, 0xfe]) },
        key("relative"),
        key("/ends/"),
        key("/declared"),
      ],
      { ...none, declared: new Set(["/declared"]) },
    );
    assert.deepEqual(groups, []);
    const why = Object.fromEntries(leftOut.map((each) => [each.what, each.why]));
    assert.match(why["/services/web/1"] ?? "", /lease/);
    assert.match(why["/coreos.com/network/config"] ?? "", /cluster's own/);
    assert.match(why["/binary"] ?? "", /UTF-8/);
    assert.match(why.relative ?? "", /absolute path/);
    assert.match(why["/ends/"] ?? "", /absolute path/);
    assert.equal(why["/declared"], undefined);
  });

  it("takes for secret what looks it, what it is told, and not what it is told is none", () => {
    for (const [name, value] of [
      ["/db/password", "x"],
      ["/db/POSTGRES_PASSWORD", "x"],
      ["/secrets/db", "x"],
      ["/api-key", "x"],
      ["/app/PGPASSWORD", "x"],
      ["/app/dbPassword", "x"],
      ["/app/authtoken", "x"],
      ["/app/dbPwd", "x"],
      ["/app/settings.json", '{"user": "a", "password": "hunter2"}'],
      ["/app/env", "HOST=a\nDB_PASSWORD=hunter2\n"],
      ["/tls", "-----BEGIN RSA PRIVATE KEY-----\n"],
      ["/broker", "amqp://taiga:hunter2@broker:5672/"],
      ["/x", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"],
    ] as const)
      assert.ok(looksSecret(name, value), name);
    for (const [name, value] of [
      ["/db/host", "db.example.org"],
      ["/db/passwordless", "true"],
      ["/monkey", "banana"],
      ["/url", "https://example.org/a/long/path/with/1/number"],
      ["/path", "/var/lib/taiga/media/volume-1/and/more"],
      ["/db/password", ""],
    ] as const)
      assert.ok(!looksSecret(name, value), name);
    const { groups } = groupKeys([key("/a/password"), key("/a/b"), key("/c/d")], {
      ...none,
      secret: ["/c"],
      plain: ["/a/password"],
    });
    const secret = groups.flatMap(({ keys }) => keys).filter((each) => each.secret);
    assert.deepEqual(
      secret.map((each) => each.key),
      ["/c/d"],
    );
  });

  it("makes a service of a template's instances and their sidekicks, one file each", () => {
    const side = beside("w@%i.service");
    const { services, units, files } = groupUnits(
      [
        unit("w@2.service"),
        unit("w-side@1.service", side),
        unit("w@1.service"),
        unit("w-side@2.service", side),
      ],
      undeclared,
    );
    assert.deepEqual(services, [{ name: "w", units: ["w@", "w-side@"], instances: 2 }]);
    assert.deepEqual(units, []);
    assert.deepEqual(
      [...files],
      [
        ["w@.service", steady],
        ["w-side@.service", side],
      ],
    );
  });

  it("makes a service of a unit and its sidekick, under a name that is free; a unit alone stays one", () => {
    const { services, units } = groupUnits(
      [unit("db.service"), unit("db-side.service", beside("db.service")), unit("alone.service")],
      { ...undeclared, declared: { units: new Set(), services: new Set(["db"]) } },
    );
    assert.deepEqual(services, [{ name: "db-2", units: ["db", "db-side"] }]);
    assert.deepEqual(units, [{ name: "alone.service", file: "alone.service", desiredState: "launched" }]);
  });

  for (const [what, found, isActive] of [
    ["that miss a number", [unit("w@1.service"), unit("w@3.service")], true],
    ["of which one is stopped", [unit("w@1.service"), unit("w@2.service", steady, "inactive")], true],
    ["that are not active", [unit("w@1.service"), unit("w@2.service")], false],
    ["with names", [unit("w@blue.service")], true],
  ] as const) {
    it(`leaves instances ${what} single units, of the template's one file`, () => {
      const { services, units, files } = groupUnits(found, { ...undeclared, isActive: () => isActive });
      assert.deepEqual(services, []);
      assert.deepEqual(
        units.map(({ name, file, desiredState }) => [name, file, desiredState]),
        found.map(({ name, desiredState }) => [name, "w@.service", desiredState]),
      );
      assert.deepEqual([...files.keys()], ["w@.service"]);
    });
  }

  it("writes a file for each instance where they differ", () => {
    const { services, files } = groupUnits(
      [unit("w@1.service"), unit("w@2.service", "[Service]\nExecStart=/bin/true\n")],
      undeclared,
    );
    assert.deepEqual(services, []);
    assert.deepEqual([...files.keys()], ["w@1.service", "w@2.service"]);
  });

  it("leaves out units that are declared, and with the reason those that we would refuse", () => {
    const { units, leftOut } = groupUnits(
      [
        unit("a.service"),
        unit("b.service", `${steady}[X-Fleet]\nMachineOff=a.service\n`),
        {
          ...unit("c.service"),
          options: [{ section: "Service", name: "ExecStart", value: "/bin/a\n/bin/b" }],
        },
      ],
      { ...undeclared, declared: { units: new Set(["a.service"]), services: new Set() } },
    );
    assert.deepEqual(units, []);
    assert.match(leftOut.find(({ what }) => what === "b.service")?.why ?? "", /did you mean MachineOf/);
    assert.ok(leftOut.some(({ what }) => what === "c.service"));
  });

  it("knows from the stack's state what is declared", () => {
    const { units, keys, services } = declaredIn(
      JSON.stringify({
        deployment: {
          resources: [
            { urn: "u::a", type: "pulumi-nodejs:dynamic/fleet:Unit", inputs: { name: "a.service" } },
            { urn: "u::k", type: "pulumi-nodejs:dynamic/etcd:Key", inputs: { key: "/k" } },
            {
              urn: "u::p",
              type: "pulumi-nodejs:dynamic/etcd:Prefix",
              inputs: { prefix: "/p", values: { secret: "sealed" } },
              outputs: { revisions: { x: "1", "y/z": "2" } },
            },
            { urn: "urn:pulumi:dev::taiga::a$taiga:fleet:Service::w", type: "taiga:fleet:Service" },
          ],
        },
      }),
    );
    assert.deepEqual(
      [[...units], [...keys], [...services]],
      [["a.service"], ["/k", "/p/x", "/p/y/z"], ["w"]],
    );
    assert.deepEqual(declaredIn("{}").keys, new Set());
  });

  it("writes a program that biome leaves as it is, without a secret in it", () => {
    const long = "a".repeat(120);
    const { groups } = groupKeys(
      [
        key("/a/host", 'a "quote", it\'s and \\'),
        key("/a/long", long),
        key("/a/password", "hunter2"),
        key("/a/pass-word", "hunter3"),
        key("/b", "two\nlines"),
      ],
      { ...none, secret: ["/a/pass-word"] },
    );
    const many = Array.from({ length: 12 }, (_, index) =>
      unit(`many-sidekicks-${index}.service`, beside("db.service")),
    );
    const found = groupUnits(
      [unit("w@1.service"), unit("db.service"), ...many, unit("x.timer", "[Timer]\nOnBootSec=1\n", "loaded")],
      undeclared,
    );
    for (const units of [found, { ...found, units: [] }, { ...found, services: [] }]) {
      const { text, secrets } = writeProgram(groups, units, "..");
      assert.doesNotMatch(text, /hunter/);
      assert.deepEqual([...secrets].map(([name, { value }]) => [name, value]).sort(), [
        ["a-pass-word", "hunter3"],
        ["a-password", "hunter2"],
      ]);
      const biome = (...args: string[]) =>
        execFileSync(
          join(__dirname, "../../node_modules/.bin/biome"),
          [...args, "--stdin-file-path=onboarded/index.ts"],
          { input: text, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], cwd: join(__dirname, "../..") },
        );
      assert.equal(biome("check", "--write", "--error-on-warnings"), text);
    }
    const empty = writeProgram([], { services: [], units: [], files: new Map(), leftOut: [] }, "..");
    assert.match(empty.text, /export function onboarded/);
  });
});
