import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CloudConfig, parseCloudConfig } from "../../nodes/cloud-config";
import { merge } from "../../nodes/merge";

const parse = (yaml: string): CloudConfig => parseCloudConfig(`#cloud-config\n${yaml}`);
const merged = (base: string, extra: string) => merge(parse(base), parse(extra));
const nothing = parse("");

const name = fc.constantFrom("a", "b", "c");
const key = name.map((each) => `ssh-ed25519 ${each}`);
const text = fc.constantFrom("[Service]\nNice=1\n", "[Service]\nNice=2\n");
const unit = fc.record(
  {
    name: name.map((each) => `${each}.service`),
    content: text,
    command: fc.constantFrom("start" as const, "stop" as const),
    drop_ins: fc.uniqueArray(
      fc.record({ name: name.map((each) => `${each}.conf`), content: text }, { noNullPrototype: true }),
      {
        selector: (dropIn) => dropIn.name,
        minLength: 1,
      },
    ),
  },
  { requiredKeys: ["name"], noNullPrototype: true },
);
const user = fc.record(
  {
    name,
    shell: fc.constantFrom("/bin/sh", "/bin/bash"),
    groups: fc.uniqueArray(name),
    ssh_authorized_keys: fc.uniqueArray(key),
  },
  { requiredKeys: ["name"], noNullPrototype: true },
);
const config: fc.Arbitrary<CloudConfig> = fc.record(
  {
    hostname: name,
    ssh_authorized_keys: fc.uniqueArray(key),
    users: fc.uniqueArray(user, { selector: (each) => each.name }),
    write_files: fc.uniqueArray(
      fc.record({
        path: name.map((each) => `/${each}`),
        content: fc.string(),
        permissions: fc.constant("0644"),
      }),
      { selector: (each) => each.path },
    ),
    units: fc.uniqueArray(unit, { selector: (each) => each.name }),
    daemons: fc.record(
      { etcd2: fc.dictionary(name, name, { noNullPrototype: true }) },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  {
    requiredKeys: ["ssh_authorized_keys", "users", "write_files", "units", "daemons"],
    noNullPrototype: true,
  },
);

test("laying nothing over a configuration, or it over nothing, or it over itself, changes nothing", () => {
  fc.assert(
    fc.property(config, (each) => {
      assert.deepEqual(merge(each, nothing), each);
      assert.deepEqual(merge(nothing, each), each);
      assert.deepEqual(merge(each, each), each);
    }),
  );
});

test("configurations may be laid over each other in any grouping", () => {
  fc.assert(
    fc.property(config, config, config, (a, b, c) =>
      assert.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c))),
    ),
  );
});

test("nobody loses a key, a group or a drop-in by what a stack adds", () => {
  fc.assert(
    fc.property(config, config, (base, extra) => {
      const result = merge(base, extra);
      for (const { name: who, groups = [], ssh_authorized_keys = [] } of base.users) {
        const after = result.users.find((each) => each.name === who);
        assert.ok(groups.every((group) => after?.groups?.includes(group)));
        assert.ok(ssh_authorized_keys.every((each) => after?.ssh_authorized_keys?.includes(each)));
      }
      for (const { name: unitName, drop_ins = [] } of base.units) {
        const after = result.units.find((each) => each.name === unitName);
        assert.ok(drop_ins.every((dropIn) => after?.drop_ins?.some((each) => each.name === dropIn.name)));
      }
      assert.ok(base.ssh_authorized_keys.every((each) => result.ssh_authorized_keys.includes(each)));
    }),
  );
});

test("a stack's file stands in the place of the node's", () => {
  const { write_files } = merged(
    "write_files: [{path: /a, content: old}, {path: /b}]",
    "write_files: [{path: /a, content: new, permissions: '0600'}]",
  );
  assert.deepEqual(
    write_files.map(({ path, content, permissions }) => [path, content, permissions]),
    [
      ["/a", "new", "0600"],
      ["/b", "", "0644"],
    ],
  );
});

test("a stack's drop-in leaves the unit as it is", () => {
  const { units } = merged(
    'coreos: {units: [{name: a.service, command: start, content: "[Unit]"}]}',
    'coreos: {units: [{name: a.service, drop_ins: [{name: b.conf, content: "[Unit]"}]}]}',
  );
  assert.deepEqual(units, [
    {
      name: "a.service",
      command: "start",
      content: "[Unit]",
      drop_ins: [{ name: "b.conf", content: "[Unit]" }],
    },
  ]);
});

test("fleet's metadata are added, other options replaced", () => {
  const { daemons } = merged(
    "coreos: {fleet: {metadata: index=1, agent_ttl: 30s}}",
    "coreos: {fleet: {metadata: disk=ssd, agent_ttl: 10s}}",
  );
  assert.deepEqual(daemons.fleet, { metadata: "index=1,disk=ssd", agent_ttl: "10s" });
});
