import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nodeImage } from "../../images/artifacts";
import { CloudConfigError } from "../../nodes/cloud-config";
import type { Ignition } from "../../nodes/ignition";
import { type NodeAdditions, type NodeValues, renderNode } from "../../nodes/render";

const values: NodeValues = {
  name: "taiga-dev-1",
  index: 1,
  address: "10.77.0.11",
  prefixLength: 24,
  gateway: "10.77.0.1",
  mac: "52:54:00:aa:bb:01",
  machineId: "0123456789abcdef0123456789abcdef",
  operatorKey: "ssh-ed25519 AAAA operator",
  hostKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nYWJj\nZGVm\n-----END OPENSSH PRIVATE KEY-----\n",
};
const rendered = (cloudConfig = ""): Ignition => JSON.parse(renderNode(values, { cloudConfig }));
const fileText = (from: Ignition, path: string): string => {
  const file = from.storage?.files?.find((each) => each.path === path);
  return Buffer.from(file?.contents.source.replace("data:;base64,", "") ?? "", "base64").toString();
};
const unitOf = (from: Ignition, name: string) => from.systemd?.units.find((each) => each.name === name);

test("a machine's own values are where they belong", () => {
  const node = rendered();
  assert.equal(fileText(node, "/etc/hostname"), "taiga-dev-1\n");
  assert.equal(fileText(node, "/etc/machine-id"), `${values.machineId}\n`);
  assert.match(fileText(node, "/etc/systemd/network/10-cluster.network"), /^Address=10\.77\.0\.11\/24$/m);
  assert.equal(fileText(node, "/etc/ssh/ssh_host_ed25519_key"), values.hostKey);
  assert.deepEqual(node.passwd?.users[0]?.sshAuthorizedKeys, [values.operatorKey]);
  assert.match(unitOf(node, "etcd.service")?.contents ?? "", /^Environment=ETCD_NAME=taiga-dev-1$/m);
  assert.match(
    unitOf(node, "fleet.service")?.dropins?.[0]?.contents ?? "",
    /FLEET_METADATA=index=1,name=taiga-dev-1/,
  );
  assert.doesNotMatch(JSON.stringify(node), /\{\{/);
});

test("the host key is read by root alone", () => {
  const file = rendered().storage?.files?.find(({ path }) => path === "/etc/ssh/ssh_host_ed25519_key");
  assert.equal(file?.mode, 0o600);
  assert.equal(file?.user, undefined);
});

test("what a machine is told does not depend on how many there are: growth must replace none", () => {
  const node = rendered();
  const texts = [
    ...(node.systemd?.units ?? []).flatMap(({ contents = "", dropins = [] }) => [
      contents,
      ...dropins.map((each) => each.contents),
    ]),
    ...(node.storage?.files ?? []).map(({ path }) => fileText(node, path)),
  ].join("\n");
  assert.doesNotMatch(texts, /ETCD_INITIAL_CLUSTER/);
  assert.deepEqual([...new Set(texts.match(/10\.77\.0\.\d+/g))].sort(), [values.gateway, values.address]);
});

test("nothing of the cluster starts by itself before the machine is a member; what lets the operator in does", () => {
  const enabled = rendered()
    .systemd?.units.filter((each) => each.enabled)
    .map(({ name }) => name);
  assert.deepEqual(enabled, ["systemd-networkd.service", "ssh.service", "volumes.service", "taiga.path"]);
});

test("every unit of the target is a unit of the node, or has a drop-in in it", () => {
  const node = rendered();
  const wants = /^Wants=(.*)$/m.exec(unitOf(node, "taiga.target")?.contents ?? "")?.[1]?.split(" ") ?? [];
  assert.ok(wants.length > 4);
  for (const name of wants) assert.ok(unitOf(node, name), name);
});

test("a container machine is asked neither to format nor to mount", () => {
  assert.match(
    unitOf(rendered(), "volumes.service")?.contents ?? "",
    /^ConditionVirtualization=!container$/m,
  );
});

test("the same values render the same text, or machines would be replaced for nothing", () => {
  assert.equal(renderNode(values), renderNode({ ...values }));
});

test("a stack's cloud-config is laid over the node's and may use the placeholders", () => {
  const node = rendered(`#cloud-config
ssh_authorized_keys: [ssh-ed25519 BBBB second]
write_files: [{path: /etc/motd, content: "this is {{name}}"}]
coreos: {etcd2: {election-timeout: 1000}}
`);
  assert.equal(fileText(node, "/etc/motd"), "this is taiga-dev-1");
  assert.deepEqual(node.passwd?.users[0]?.sshAuthorizedKeys, [values.operatorKey, "ssh-ed25519 BBBB second"]);
  assert.match(unitOf(node, "etcd.service")?.dropins?.[0]?.contents ?? "", /"ETCD_ELECTION_TIMEOUT=1000"/);
});

test("a pool's metadata are added to what fleet knows of every machine, the stack's come after", () => {
  const metadata = { pool: "db", disk: "ssd" };
  const node: Ignition = JSON.parse(
    renderNode(values, { metadata, cloudConfig: "#cloud-config\ncoreos: {fleet: {metadata: rack=7}}" }),
  );
  assert.match(
    unitOf(node, "fleet.service")?.dropins?.[0]?.contents ?? "",
    /"FLEET_METADATA=index=1,name=taiga-dev-1,pool=db,disk=ssd,rack=7"/,
  );
  assert.equal(
    renderNode(values, { metadata: {} }),
    renderNode(values),
    "nobody is replaced for a pool without a name",
  );
});

test("an unknown placeholder is reported where it stands, beside what else is wrong", () => {
  assert.throws(
    () => rendered("#cloud-config\nhostname: BAD\nwrite_files: [{path: /a, content: 'x {{nme}}'}]"),
    (error) => {
      assert.ok(error instanceof CloudConfigError);
      assert.match(error.message, /^taiga:cloudConfig is not/);
      assert.deepEqual(error.problems.map(({ path }) => path).sort(), ["hostname", "write_files[0].content"]);
      assert.match(error.message, /names \{\{nme\}\}; write one of \{\{name\}\}, /);
      return true;
    },
  );
});

test("values are data, whatever is in them", () => {
  const node = JSON.parse(renderNode({ ...values, operatorKey: 'ssh-ed25519 AAAA "quoted": \\ {{name}} #' }));
  assert.equal(node.passwd.users[0].sshAuthorizedKeys[0], 'ssh-ed25519 AAAA "quoted": \\ {{name}} #');
});

test("what is wrong is told with the file's name, and no secret in it", () => {
  assert.throws(
    () => renderNode({ ...values, name: "NOT A HOST NAME" }),
    (error: Error) => /^nodes\/node\.yaml is not/.test(error.message) && !error.message.includes("YWJj"),
  );
});

test("the scripts a node is given are clean", {
  skip: spawnSync("shellcheck", ["-V"]).error && "no shellcheck here",
}, () => {
  const node = rendered();
  const scripts = (node.storage?.files ?? [])
    .map(({ path }) => fileText(node, path))
    .filter((text) => text.startsWith("#!/bin/sh"));
  assert.ok(scripts.length > 0);
  for (const input of scripts) {
    const { stdout, status } = spawnSync("shellcheck", ["--exclude=SC1091", "-"], {
      input,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout);
  }
});

const validate = join(nodeImage().rootfs, "usr/bin/ignition-validate");
test("Debian's Ignition takes it without a warning", {
  skip: !existsSync(validate) && "the node image is not built",
}, () => {
  const extra = `#cloud-config
users: [{name: me, uid: 1500, groups: [docker], no-create-home: true, passwd: "*"}]
coreos:
  units:
    - {name: a.service, command: start, content: "[Service]\\nExecStart=/bin/true\\n"}
    - {name: b.service, mask: true}
    - {name: 20-b.network, content: "[Match]\\nName=x\\n"}
`;
  for (const input of [renderNode(values), renderNode(values, { cloudConfig: extra })]) {
    const { stdout, stderr, status } = spawnSync(validate, ["-"], { input, encoding: "utf8" });
    assert.equal(`${stdout}${stderr}`, "");
    assert.equal(status, 0);
  }
});

test("fleet writes less where its machine is emulated, and what a stack says still wins", () => {
  const fleet = (additions: NodeAdditions) => JSON.stringify(JSON.parse(renderNode(values, additions)));
  assert.match(fleet({}), /FLEET_AGENT_TTL=30s/);
  assert.match(fleet({ emulated: true }), /FLEET_AGENT_TTL=90s/);
  const cloudConfig = "#cloud-config\ncoreos: {fleet: {agent_ttl: 10s}}";
  assert.match(fleet({ emulated: true, cloudConfig }), /FLEET_AGENT_TTL=10s/);
});
