import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CloudConfigError, parseCloudConfig } from "../../nodes/cloud-config";

/** What parsing complains of, as `path message` lines. */
function complaints(yaml: string): string[] {
  try {
    parseCloudConfig(`#cloud-config\n${yaml}`);
  } catch (error) {
    assert.ok(error instanceof CloudConfigError);
    return error.problems.map(({ path, message }) => `${path} ${message}`);
  }
  return [];
}

const unit = (fields: string) => `coreos: {units: [{name: a.service, ${fields}}]}`;

test("the whole vocabulary is read", () => {
  const config = parseCloudConfig(`#cloud-config
hostname: node-1
manage_etc_hosts: localhost
ssh_authorized_keys: [ssh-ed25519 AAAA me]
users:
  - {name: me, uid: 1500, gecos: Me, shell: /bin/sh, homedir: /home/me, system: false, passwd: $6$x, groups: [docker],
     primary-group: me, no-create-home: false, no-user-group: true, ssh_authorized_keys: [ssh-rsa AAAA]}
write_files:
  - {path: /etc/motd, content: "hello\\n", permissions: "0600", owner: core:core, encoding: text}
coreos:
  update: {reboot-strategy: off}
  etcd2: {snapshot-count: 5000}
  fleet: {metadata: disk=ssd}
  flannel: {iptables_resync: 30}
  units:
    - {name: a.service, content: "[Service]\\nExecStart=/bin/true", command: start, runtime: true}
    - name: docker.service
      drop_ins: [{name: 10-a.conf, content: "[Service]\\nNice=5"}]
    - {name: b.service, mask: true}
`);
  assert.equal(config.hostname, "node-1");
  assert.equal(config.users[0]?.["no-user-group"], true);
  assert.deepEqual(config.daemons.etcd2, { "snapshot-count": "5000" });
  assert.deepEqual(
    config.units.map(({ name }) => name),
    ["a.service", "docker.service", "b.service"],
  );
});

test("sections with everything commented out count as absent", () => {
  assert.deepEqual(complaints("users:\nwrite_files:\ncoreos:\n"), []);
  assert.deepEqual(complaints(""), []);
});

test("every bad field is reported at once, each with its path, its value and what to write", () => {
  assert.deepEqual(
    complaints(`
hostname: Node_1
users:
  - {name: ROOT, uid: -1}
write_files:
  - {path: etc/motd, permissions: 644}
coreos:
  units:
    - {name: a.service, enable: "yes"}
`),
    [
      'hostname is "Node_1"; write a host name in lower case, such as node-1',
      'users[0].name is "ROOT"; write a user name in lower case, such as core',
      "users[0].uid is -1; write a whole number from 0 to 65533",
      'write_files[0].path is "etc/motd"; write an absolute path, such as /etc/motd',
      'write_files[0].permissions is 644; write octal digits in quotes, such as "0644"',
      'coreos.units[0].enable is "yes"; write true or false',
    ],
  );
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  ["a document that is a list", "- a", /^ is \["a"\]; write a mapping with hostname,/],
  ["an unknown key", "hostnam: a", /^hostnam is "a"; write one of hostname, .*; hostnam is not known here$/],
  ["a key every object inherits", "toString: a", /^toString is "a"; write one of/],
  ["runcmd", "runcmd: [ls]", /^runcmd .* write a unit of Type=oneshot in coreos\.units$/],
  ["coreos.etcd", "coreos: {etcd: {name: a}}", /^coreos\.etcd .* write etcd2 for etcd's options$/],
  [
    "locksmith",
    "coreos: {locksmith: {endpoint: a}}",
    /^coreos\.locksmith .* machines are replaced one at a time/,
  ],
  [
    "an update group",
    "coreos: {update: {group: beta}}",
    /^coreos\.update\.group is "beta"; write nothing: another image/,
  ],
  [
    "a reboot strategy",
    "coreos: {update: {reboot-strategy: etcd-lock}}",
    /reboot-strategy is "etcd-lock"; write "off"/,
  ],
  [
    "a discovery service",
    "coreos: {etcd2: {discovery: 'https://x'}}",
    /^coreos\.etcd2\.discovery .* members are planned/,
  ],
  [
    "another etcd name",
    "coreos: {etcd2: {name: a}}",
    /^coreos\.etcd2\.name is "a"; write nothing: members are planned/,
  ],
  [
    "an unknown etcd option",
    "coreos: {etcd2: {heartbeat: 1}}",
    /^coreos\.etcd2\.heartbeat is 1; write one of heartbeat-/,
  ],
  [
    "an option that is a list",
    "coreos: {fleet: {agent_ttl: [1]}}",
    /^coreos\.fleet\.agent_ttl is \[1\]; write one line/,
  ],
  [
    "fleet's address",
    "coreos: {fleet: {public_ip: 10.0.0.1}}",
    /^coreos\.fleet\.public_ip .* the machine's own$/,
  ],
  [
    "flannel's prefix",
    "coreos: {flannel: {etcd_prefix: /x}}",
    /^coreos\.flannel\.etcd_prefix .* taiga:containers/,
  ],
  [
    "a private key",
    "ssh_authorized_keys: ['-----BEGIN OPENSSH PRIVATE KEY-----']",
    /^ssh_authorized_keys\[0\] .* \.pub file/,
  ],
  [
    "a password in the clear",
    "users: [{name: a, passwd: secret}]",
    /^users\[0\]\.passwd .* a hash as mkpasswd prints it/,
  ],
  ["sudo", "users: [{name: a, sudo: 'ALL=(ALL)'}]", /^users\[0\]\.sudo .* write groups: \[sudo\]$/],
  ["a missing name", "users: [{uid: 5}]", /^users\[0\]\.name is missing; write a user name/],
  [
    "a second file of one path",
    "write_files: [{path: /a}, {path: /a}]",
    /^write_files\[1\]\.path .* this is the second$/,
  ],
  ["a path with dots", "write_files: [{path: /etc/../shadow}]", /^write_files\[0\]\.path/],
  ["a folder", "write_files: [{path: /etc/}]", /^write_files\[0\]\.path/],
  [
    "what is not base64",
    "write_files: [{path: /a, encoding: b64, content: '*'}]",
    /^write_files\[0\]\.content .* base64/,
  ],
  [
    "an unknown encoding",
    "write_files: [{path: /a, encoding: rot13}]",
    /^write_files\[0\]\.encoding is "rot13"; write one of/,
  ],
  [
    "a set-user-id bit",
    "write_files: [{path: /a, permissions: '4755'}]",
    /^write_files\[0\]\.permissions is "4755"/,
  ],
  [
    "a unit's name without suffix",
    "coreos: {units: [{name: a}]}",
    /^coreos\.units\[0\]\.name is "a"; write a unit's file name/,
  ],
  ["drop-ins under another name", unit("drop-ins: []"), /^coreos\.units\[0\]\.drop-ins .* write drop_ins$/],
  [
    "a unit's text without section",
    unit("content: 'Nice=5'"),
    /^coreos\.units\[0\]\.content line 1 is "Nice=5"; write a section/,
  ],
  [
    "a broken line of a unit",
    unit('content: "[Service]\\nExecStart /bin/true"'),
    /content line 2 is "ExecStart .* Key=value$/,
  ],
  [
    "a drop-in that is not .conf",
    unit("drop_ins: [{name: a, content: '[Unit]'}]"),
    /drop_ins\[0\]\.name is "a"; .* \.conf/,
  ],
  [
    "enabling what nothing wants",
    unit("enable: true, content: '[Unit]'"),
    /\.enable is true; write an \[Install\] section/,
  ],
  [
    "a masked unit's content",
    unit("mask: true, content: '[Unit]'"),
    /\.mask is true; write either mask or content/,
  ],
  [
    "an enabled .network",
    "coreos: {units: [{name: a.network, enable: true}]}",
    /\.enable is true; write nothing: systemd-networkd/,
  ],
];

for (const [what, yaml, message] of refused) {
  test(`${what} is refused with the remedy`, () => {
    const all = complaints(yaml);
    assert.equal(all.length, 1, all.join("\n"));
    assert.match(all[0] as string, message);
  });
}

test("a text that does not say it is cloud-config is refused", () => {
  assert.throws(() => parseCloudConfig("hostname: a"), /line 1 is "hostname: a"; write "#cloud-config"/);
});

test("broken YAML is refused with line and column, under its source's name", () => {
  assert.throws(
    () => parseCloudConfig("#cloud-config\nusers:\n\t- a", { source: "taiga:cloudConfig" }),
    /^CloudConfigError: taiga:cloudConfig is not the cloud-config this cluster reads:\n {2}line 3, column \d+ is not YAML/,
  );
});

test("a long value is cut, for it may be a secret and is no help", () => {
  const [complaint] = complaints(`hostname: ${"A".repeat(5000)}`);
  assert.ok((complaint as string).length < 200);
});

test("comments, blank lines and continued lines are a unit's own", () => {
  const text =
    "# a\n\n[Service]\n; b\nExecStart=/bin/sh -c \\\n  # not a comment's end\n  'true'\n[X-Fleet]\nGlobal=true\n";
  assert.deepEqual(complaints(unit(`content: ${JSON.stringify(text)}`)), []);
});

test("whatever the document, the answer is a configuration or a CloudConfigError", () => {
  const keys = fc.constantFrom(
    "hostname",
    "users",
    "write_files",
    "coreos",
    "units",
    "name",
    "path",
    "drop_ins",
    "fleet",
    "x",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 0, 1.5, "", "a", "a.service", "/a"),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(keys, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (document) => {
      complaints(JSON.stringify(document));
    }),
  );
});
