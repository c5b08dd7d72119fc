import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CloudConfigError, parseCloudConfig } from "../../nodes/cloud-config";

/**
 * Every key that coreos-cloudinit's documentation has (Documentation/cloud-config.md, cloud-config-deprecated.md and
 * cloud-config-oem.md of flatcar/coreos-cloudinit), each with a value it takes there. What is read here has no remedy; for
 * the rest, it is what the error must name.
 */
type Documented = readonly (readonly [key: string, value: unknown, remedy?: RegExp])[];

const key = "ssh-ed25519 AAAA me";
const top: Documented = [
  ["hostname", "coreos1"],
  ["manage_etc_hosts", "localhost"],
  ["ssh_authorized_keys", [key]],
  ["users", []],
  ["write_files", []],
  ["coreos", {}],
];
const coreos: Documented = [
  ["etcd", { name: "node001" }, /etcd2/],
  ["etcd2", {}],
  ["fleet", {}],
  ["flannel", {}],
  ["locksmith", { group: "a" }, /replaced one at a time/],
  [
    "oem",
    { id: "rackspace", name: "Rackspace", "version-id": "1.0", "home-url": "https://x" },
    /nothing: the image/,
  ],
  ["update", { "reboot-strategy": "off" }],
  ["units", []],
];
const update: Documented = [
  ["reboot-strategy", "off"],
  ["server", "https://example.com", /another image is taiga:machines' image/],
  ["group", "stable", /another image is taiga:machines' image/],
];
const owned = /members are planned|certificates come from the stack/;
const etcd2: Documented = [
  ["advertise-client-urls", "http://10.0.0.1:2379", owned],
  ["ca-file", "/a", owned],
  ["cert-file", "/a", owned],
  ["client-cert-auth", true, owned],
  ["cors", "*", /no browser/],
  ["data-dir", "/a", owned],
  ["debug", true, /log-level: debug/],
  ["discovery", "https://discovery.etcd.io/x", owned],
  ["discovery-fallback", "proxy", owned],
  ["discovery-srv", "x", owned],
  ["discovery-proxy", "x", owned],
  ["election-timeout", 1000],
  ["enable-pprof", true, /metrics: extensive/],
  ["listen-metrics-urls", "http://0.0.0.0:2381", /2379\/metrics serves who has a certificate/],
  ["force-new-cluster", true, owned],
  ["heartbeat-interval", 100],
  ["initial-advertise-peer-urls", "http://10.0.0.1:2380", owned],
  ["initial-cluster", "a=http://10.0.0.1:2380", owned],
  ["initial-cluster-state", "new", owned],
  ["initial-cluster-token", "x", owned],
  ["key-file", "/a", owned],
  ["listen-client-urls", "http://0.0.0.0:2379", owned],
  ["listen-peer-urls", "http://0.0.0.0:2380", owned],
  ["log-package-levels", "etcdmain=DEBUG", /log-level/],
  ["max-snapshots", 5],
  ["max-wals", 5],
  ["name", "a", owned],
  ["peer-ca-file", "/a", owned],
  ["peer-cert-file", "/a", owned],
  ["peer-key-file", "/a", owned],
  ["peer-client-cert-auth", true, owned],
  ["peer-trusted-ca-file", "/a", owned],
  ["proxy", "on", owned],
  ["proxy-dial-timeout", 1000, owned],
  ["proxy-failure-wait", 1000, owned],
  ["proxy-read-timeout", 1000, owned],
  ["proxy-refresh-interval", 1000, owned],
  ["proxy-write-timeout", 1000, owned],
  ["snapshot-count", 5000],
  ["strict-reconfig-check", true, /checks always/],
  ["trusted-ca-file", "/a", owned],
  ["wal-dir", "/a", owned],
];
const own = /the machine's own/;
const fleet: Documented = [
  ["agent_ttl", "30s"],
  ["engine_reconcile_interval", 2],
  ["etcd_cafile", "/a", own],
  ["etcd_certfile", "/a", own],
  ["etcd_keyfile", "/a", own],
  ["etcd_key_prefix", "/a", own],
  ["etcd_request_timeout", 1],
  ["etcd_servers", "http://x", own],
  ["etcd_username", "a", own],
  ["etcd_password", "a", own],
  ["metadata", "region=us-west"],
  ["public_ip", "10.0.0.1", own],
  ["verbosity", 1],
];
const sameEverywhere = /taiga:containers, the same on every machine/;
const flannel: Documented = [
  "etcd_endpoints",
  "etcd_cafile",
  "etcd_certfile",
  "etcd_keyfile",
  "etcd_prefix",
  "etcd_username",
  "etcd_password",
  "ip_masq",
  "subnet_file",
  "interface",
  "public_ip",
].map((name) => [name, "a", sameEverywhere] as const);
const noLogin = /keys themselves in ssh_authorized_keys/;
const user: Documented = [
  ["name", "elroy"],
  ["gecos", "Elroy"],
  ["passwd", "$6$x"],
  ["homedir", "/home/elroy"],
  ["no-create-home", true],
  ["primary-group", "a"],
  ["groups", ["docker"]],
  ["no-user-group", true],
  ["ssh-authorized-keys", [key], /^\S+ is .*; write ssh_authorized_keys$/],
  ["coreos-ssh-import-github", "elroy", noLogin],
  ["coreos-ssh-import-github-users", ["elroy"], noLogin],
  ["coreos-ssh-import-url", "https://x", noLogin],
  ["system", true],
  ["no-log-init", true, /changes nothing/],
  ["shell", "/bin/sh"],
  ["inactive", true, /nothing: a user without/],
  ["lock-passwd", true, /nothing: a user without/],
  ["sudo", "ALL=(ALL)", /groups: \[sudo\]/],
  ["selinux-user", "a", /nothing: /],
  ["ssh-import-id", "elroy", noLogin],
];
const file: Documented = [
  ["path", "/etc/motd"],
  ["content", "hello"],
  ["permissions", "0644"],
  ["owner", "root:root"],
  ["encoding", "text"],
];
const unit: Documented = [
  ["name", "a.service"],
  ["runtime", true],
  ["enable", false],
  ["content", "[Service]\nExecStart=/bin/true\n"],
  ["command", "start"],
  ["mask", false],
  ["drop-ins", [], /^\S+ is \[\]; write drop_ins$/],
];
const dropIn: Documented = [
  ["name", "a.conf"],
  ["content", "[Service]\nNice=5\n"],
];

type Place = (fields: Record<string, unknown>) => Record<string, unknown>;
const places: readonly (readonly [string, Documented, Place])[] = [
  ["at the top", top, (fields) => fields],
  ["in coreos", coreos, (fields) => ({ coreos: fields })],
  ["in coreos.update", update, (fields) => ({ coreos: { update: fields } })],
  ["in coreos.etcd2", etcd2, (fields) => ({ coreos: { etcd2: fields } })],
  ["in coreos.fleet", fleet, (fields) => ({ coreos: { fleet: fields } })],
  ["in coreos.flannel", flannel, (fields) => ({ coreos: { flannel: fields } })],
  ["in users", user, (fields) => ({ users: [{ name: "x", ...fields }] })],
  ["in write_files", file, (fields) => ({ write_files: [{ path: "/x", ...fields }] })],
  ["in coreos.units", unit, (fields) => ({ coreos: { units: [{ name: "x.service", ...fields }] } })],
  [
    "in a unit's drop_ins",
    dropIn,
    (fields) => ({
      coreos: {
        units: [{ name: "x.service", drop_ins: [{ name: "x.conf", content: "[Unit]", ...fields }] }],
      },
    }),
  ],
];

function complaints(document: object): string[] {
  try {
    parseCloudConfig(`#cloud-config\n${JSON.stringify(document)}`);
    return [];
  } catch (error) {
    assert.ok(error instanceof CloudConfigError);
    return error.problems.map(({ path, message }) => `${path} ${message}`);
  }
}

describe("coreos-cloudinit's vocabulary", () => {
  for (const [where, documented, place] of places) {
    for (const [name, value, remedy] of documented) {
      it(`${name} ${where} is ${remedy ? "refused with its replacement" : "read"}`, () => {
        const all = complaints(place({ [name]: value }));
        assert.equal(all.length, remedy ? 1 : 0, all.join("\n"));
        if (!remedy) return;
        assert.ok((all[0] as string).split(" ")[0]?.endsWith(name), all[0]);
        assert.match(all[0] as string, remedy);
        assert.doesNotMatch(all[0] as string, /is not known here/);
      });
    }
  }

  it("takes every documented command, and units' names of every type", () => {
    for (const command of "start stop reload restart try-restart reload-or-restart reload-or-try-restart".split(
      " ",
    ))
      assert.deepEqual(complaints({ coreos: { units: [{ name: "a.service", command }] } }), [], command);
  });

  it("takes every encoding but YAML's !!binary, for which it names another", () => {
    const encoded = (encoding: string) =>
      complaints({ write_files: [{ path: "/a", encoding, content: "H4sIAAAAAAAAAwMAAAAAAAAAAAA=" }] });
    for (const encoding of ["b64", "base64", "gz+b64", "gz+base64", "gzip+b64", "gzip+base64"])
      assert.deepEqual(encoded(encoding), [], encoding);
    for (const encoding of ["gz", "gzip"])
      assert.match(encoded(encoding).join(), /^write_files\[0\]\.encoding is "gz(ip)?"; write gzip\+base64/);
  });

  it("names every reboot strategy's replacement", () => {
    for (const strategy of ["reboot", "etcd-lock", "best-effort"])
      assert.match(complaints({ coreos: { update: { "reboot-strategy": strategy } } }).join(), /write "off"/);
  });

  it("took hyphens and underscores for one: the other spelling is refused with the right one", () => {
    for (const [document, expected] of [
      [{ "write-files": [] }, /write-files is \[\]; write write_files$/],
      [{ users: [{ name: "a", no_create_home: true }] }, /no_create_home is true; write no-create-home$/],
      [{ coreos: { update: { reboot_strategy: "off" } } }, /reboot_strategy .*write reboot-strategy$/],
      [{ coreos: { etcd2: { snapshot_count: 5 } } }, /snapshot_count is 5; write snapshot-count$/],
      [{ coreos: { etcd2: { listen_client_urls: "x" } } }, /listen_client_urls .*members are planned/],
      [{ coreos: { fleet: { "agent-ttl": "30s" } } }, /agent-ttl .*write agent_ttl$/],
      [{ coreos: { fleet: { "public-ip": "$public_ipv4" } } }, /public-ip .*the machine's own$/],
      [{ coreos: { flannel: { "etcd-prefix": "/a" } } }, /etcd-prefix .*taiga:containers/],
    ] as const) {
      const all = complaints(document);
      assert.equal(all.length, 1, all.join("\n"));
      assert.match(all[0] as string, expected);
    }
  });
});
