import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parseCloudConfig } from "../../nodes/cloud-config";
import { dataUrl, type Ignition } from "../../nodes/ignition";
import { translate } from "../../nodes/translate";

const ignition = (yaml: string): Ignition => translate(parseCloudConfig(`#cloud-config\n${yaml}`));
const content = (source: string): Buffer => Buffer.from(source.replace("data:;base64,", ""), "base64");
const fileAt = (from: Ignition, path: string) => from.storage?.files?.find((each) => each.path === path);

test("a data URL holds any content", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) =>
      assert.equal(content(dataUrl(text)).toString(), text),
    ),
  );
});

test("nothing becomes nothing", () => {
  assert.deepEqual(ignition(""), { ignition: { version: "3.3.0" } });
});

test("a file keeps content, owner and octal permissions", () => {
  const file = fileAt(
    ignition('write_files: [{path: /a, content: "x\\n", permissions: "0640", owner: core:docker}]'),
    "/a",
  );
  assert.deepEqual(file, {
    path: "/a",
    mode: 0o640,
    overwrite: true,
    user: { name: "core" },
    group: { name: "docker" },
    contents: { source: dataUrl("x\n") },
  });
});

test("encoded content is decoded, gzip left to Ignition", () => {
  const packed = gzipSync("x").toString("base64");
  const from = ignition(
    `write_files: [{path: /a, encoding: b64, content: eA==}, {path: /b, encoding: gz+b64, content: ${packed}}]`,
  );
  assert.deepEqual(fileAt(from, "/a")?.contents, { source: dataUrl("x") });
  assert.deepEqual(fileAt(from, "/b")?.contents, { source: dataUrl(gzipSync("x")), compression: "gzip" });
});

test("hostname and manage_etc_hosts are files, unless the files are given", () => {
  const both = ignition("{hostname: a, manage_etc_hosts: localhost}");
  assert.equal(content(fileAt(both, "/etc/hostname")?.contents.source ?? "").toString(), "a\n");
  assert.match(content(fileAt(both, "/etc/hosts")?.contents.source ?? "").toString(), /^127\.0\.1\.1 a$/m);
  const given = ignition("{manage_etc_hosts: localhost, write_files: [{path: /etc/hosts, content: mine}]}");
  assert.equal(given.storage?.files?.length, 1);
});

test("keys at the top are core's, with those core has", () => {
  assert.deepEqual(ignition("ssh_authorized_keys: [ssh-rsa AA]").passwd?.users, [
    { name: "core", sshAuthorizedKeys: ["ssh-rsa AA"] },
  ]);
  const joined = ignition(
    "{ssh_authorized_keys: [ssh-rsa BB], users: [{name: core, ssh_authorized_keys: [ssh-rsa AA]}]}",
  );
  assert.deepEqual(joined.passwd?.users, [{ name: "core", sshAuthorizedKeys: ["ssh-rsa AA", "ssh-rsa BB"] }]);
});

const units = (fields: string) => {
  const { systemd, storage } = ignition(`coreos: {units: [{name: a.service, ${fields}}]}`);
  return { unit: systemd?.units[0], links: storage?.links };
};
const installable = 'content: "[Install]\\nWantedBy=multi-user.target"';

test("enabled, masked and stopped units are what Ignition calls so", () => {
  assert.equal(units(`enable: true, ${installable}`).unit?.enabled, true);
  assert.equal(units("enable: true").unit?.enabled, true);
  assert.equal(units("command: start").unit?.enabled, true);
  assert.equal(units(`command: start, ${installable}`).unit?.enabled, true);
  assert.equal(units("command: stop").unit?.enabled, false);
  assert.equal(units("command: start, enable: false").unit?.enabled, false);
  assert.equal(units("command: try-restart").unit?.enabled, undefined);
  assert.equal(units("mask: true").unit?.mask, true);
});

test("a unit that is started but names nothing that wants it, is wanted by multi-user.target", () => {
  const { unit, links } = units('command: start, content: "[Service]\\nExecStart=/bin/true"');
  assert.equal(unit?.enabled, undefined);
  assert.deepEqual(links, [
    {
      path: "/etc/systemd/system/multi-user.target.wants/a.service",
      target: "/etc/systemd/system/a.service",
    },
  ]);
});

test("systemd-networkd's files are files, drop-ins too", () => {
  const from = ignition(
    'coreos: {units: [{name: 5-a.network, content: "[Match]", drop_ins: [{name: b.conf, content: "[Network]"}]}]}',
  );
  assert.equal(from.systemd, undefined);
  assert.deepEqual(
    from.storage?.files?.map(({ path }) => path),
    ["/etc/systemd/network/5-a.network", "/etc/systemd/network/5-a.network.d/b.conf"],
  );
});

test("daemons' sections become drop-ins of their units, quoted for systemd", () => {
  const from = ignition(`coreos:
  etcd2: {snapshot-count: 5000}
  fleet: {metadata: 'a=50%,b="x"'}
  flannel: {iptables_resync: 30}
  units: [{name: etcd.service, drop_ins: [{name: 10-mine.conf, content: "[Service]"}]}]`);
  const dropIns = Object.fromEntries(from.systemd?.units.map(({ name, dropins }) => [name, dropins]) ?? []);
  assert.deepEqual(dropIns, {
    "etcd.service": [
      { name: "20-cloudinit.conf", contents: '[Service]\nEnvironment="ETCD_SNAPSHOT_COUNT=5000"\n' },
      { name: "10-mine.conf", contents: "[Service]" },
    ],
    "fleet.service": [
      { name: "20-cloudinit.conf", contents: '[Service]\nEnvironment="FLEET_METADATA=a=50%%,b=\\"x\\""\n' },
    ],
    "flanneld.service": [
      { name: "20-cloudinit.conf", contents: '[Service]\nEnvironment="FLANNELD_IPTABLES_RESYNC=30"\n' },
    ],
  });
});
