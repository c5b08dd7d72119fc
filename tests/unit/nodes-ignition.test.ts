import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { type Distribution, differences, distributions } from "../../nodes/distribution";
import type { Ignition } from "../../nodes/ignition";
import { type NodeValues, renderNode } from "../../nodes/render";
import { complaints, validator } from "../ignition/validator";

const values: NodeValues = {
  name: "taiga-dev-1",
  index: 1,
  address: "10.77.0.11",
  prefixLength: 24,
  gateway: "10.77.0.1",
  mac: "52:54:00:aa:bb:01",
  machineId: "0123456789abcdef0123456789abcdef",
  operatorKey: "ssh-ed25519 AAAA operator",
  hostKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nYWJj\n-----END OPENSSH PRIVATE KEY-----\n",
};
const rendered = (distribution: Distribution, cloudConfig = ""): Ignition =>
  JSON.parse(renderNode(values, { distribution, cloudConfig }));
const unitOf = (from: Ignition, name: string) => from.systemd?.units.find((each) => each.name === name);
const fileOf = (from: Ignition, path: string) => {
  const file = from.storage?.files?.find((each) => each.path === path);
  return (
    file && {
      ...file,
      text: Buffer.from(file.contents.source.replace("data:;base64,", ""), "base64").toString(),
    }
  );
};

describe("what a machine is given, by Ignition's own validator", { timeout: 15 * 60_000 }, () => {
  let program: string;
  before(async () => {
    program = await validator();
  });

  const extra = `#cloud-config
ssh_authorized_keys: [ssh-ed25519 BBBB second]
users: [{name: me, uid: 1500, groups: [docker], no-create-home: true, passwd: "*", system: false, gecos: Me}]
write_files:
  - {path: /etc/a, content: YWJj, encoding: b64, owner: "core:core", permissions: "0600"}
  - {path: /etc/b, content: H4sIAAAAAAAAA0tMSgYAwkEkNQMAAAA=, encoding: gzip+base64}
coreos:
  etcd2: {snapshot-count: 5000}
  fleet: {metadata: disk=ssd}
  flannel: {iptables_resync: 30}
  units:
    - {name: a.service, command: start, content: "[Service]\\nExecStart=/bin/true\\n"}
    - {name: b.service, mask: true}
    - {name: 20-b.network, content: "[Match]\\nName=x\\n"}
    - {name: c.timer, enable: true, content: "[Timer]\\nOnBootSec=1\\n[Install]\\nWantedBy=timers.target\\n"}
`;
  for (const distribution of distributions) {
    it(`is taken on ${distribution}, with a pool's metadata and a stack's cloud-config too, without a warning`, () => {
      assert.equal(complaints(program, renderNode(values, { distribution })), "");
      const all = renderNode(values, { distribution, cloudConfig: extra, metadata: { pool: "db" } });
      assert.equal(complaints(program, all), "");
    });
  }

  it("is refused where it is wrong, or the validator would prove nothing", () => {
    const relative = renderNode(values).replace('"path":"/etc/hosts"', '"path":"etc/hosts"');
    assert.match(complaints(program, relative), /path/);
    const version = renderNode(values).replace('"version":"3.3.0"', '"version":"9.9.0"');
    assert.match(complaints(program, version), /version/);
  });
});

describe("a node elsewhere than on Debian", () => {
  const yaml = readFileSync(join(__dirname, "../../nodes/node.yaml"), "utf8");

  for (const distribution of distributions) {
    it(`differs on ${distribution} in what nodes/node.yaml really has`, () => {
      const { without, instead } = differences[distribution];
      for (const each of without) assert.ok(/: (\S+)/.exec(yaml) && yaml.includes(`: ${each}`), each);
      for (const [here] of instead) assert.ok(yaml.includes(here), here);
      const node = rendered(distribution);
      for (const each of without)
        assert.ok(!fileOf(node, each) && !unitOf(node, each), `${each} is still there`);
    });
  }

  it("is what it was on Debian: another text would replace every machine", () => {
    const node = rendered("debian");
    assert.equal(JSON.stringify(node), renderNode(values));
    assert.equal(node.kernelArguments, undefined);
    assert.ok(fileOf(node, "/etc/machine-id"));
  });

  it("writes nothing under /usr on Flatcar, where it is read-only", () => {
    const node = rendered("flatcar");
    const paths = node.storage?.files?.map(({ path }) => path) ?? [];
    assert.deepEqual(
      paths.filter((path) => path.startsWith("/usr/")),
      [],
    );
    assert.ok(paths.includes("/opt/bin/etcdctl") && paths.includes("/opt/bin/fleetctl"));
  });

  it("has NetworkManager's file on Fedora CoreOS, for root alone, and none of systemd-networkd's", () => {
    const node = rendered("fcos");
    const file = fileOf(node, "/etc/NetworkManager/system-connections/cluster.nmconnection");
    assert.equal(file?.mode, 0o600);
    assert.match(file?.text ?? "", /^address1=10\.77\.0\.11\/24,10\.77\.0\.1$/m);
    assert.match(file?.text ?? "", /^mac-address=52:54:00:aa:bb:01$/m);
    assert.deepEqual(
      node.storage?.files?.filter(({ path }) => path.startsWith("/etc/systemd/network/")),
      [],
    );
  });

  it("has SELinux labels on Fedora CoreOS's mounted volumes", () => {
    const text = unitOf(rendered("fcos"), "volumes.service")?.contents ?? "";
    assert.match(text, /mount -t squashfs -o ro,context=system_u:object_r:bin_t:s0 \/dev\/vdc/);
    assert.match(text, /mount -t ext4 -o noatime,context=system_u:object_r:var_lib_t:s0 \/dev\/vdb/);
  });

  for (const [distribution, updaters] of [
    ["flatcar", ["update-engine.service", "locksmithd.service"]],
    ["fcos", ["zincati.service"]],
  ] as const) {
    it(`on ${distribution} starts Docker where it is, does not update in place, and keeps its machine-id`, () => {
      const node = rendered(distribution);
      const docker = unitOf(node, "docker.service")?.dropins?.find(({ name }) => name === "10-flannel.conf");
      assert.match(docker?.contents ?? "", /^ExecStart=\/usr\/bin\/dockerd /m);
      for (const name of updaters) assert.equal(unitOf(node, name)?.mask, true, name);
      assert.deepEqual(node.kernelArguments, { shouldExist: [`systemd.machine_id=${values.machineId}`] });
      assert.match(
        unitOf(node, "volumes.service")?.dropins?.[0]?.contents ?? "",
        /^ExecStartPre=\/bin\/mkdir -p \/var\/lib\/data \/opt\/taiga$/m,
      );
    });
  }

  it("can be changed by the stack's cloud-config, which has the last word", () => {
    const node = rendered(
      "flatcar",
      "#cloud-config\ncoreos: {units: [{name: locksmithd.service, mask: false}]}",
    );
    assert.equal(unitOf(node, "locksmithd.service")?.mask, false);
  });
});
