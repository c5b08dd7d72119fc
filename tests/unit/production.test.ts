import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { productionFindings } from "../../components/production";
import { readSettings } from "../../components/settings";

const hypervisors = {
  a: "qemu+ssh://a.example.org/system",
  b: "qemu+ssh://b.example.org/system",
  c: "qemu+ssh://c.example.org/system",
};
const good = {
  prefix: "taiga-prod",
  production: true,
  hypervisors,
  machines: { kind: "kvm", image: "flatcar" },
  link: { mode: "bridge", bridge: "br0" },
};
const findings = (raw: object, protectData = true) => {
  const { settings, problems } = readSettings({ ...good, ...raw });
  assert.deepEqual(problems, []);
  const lines = (list: readonly { field: string; message: string }[]) =>
    list.map(({ field, message }) => `${field} ${message}`);
  const found = productionFindings(settings, protectData);
  return { problems: lines(found.problems), warnings: lines(found.warnings) };
};
const cloudConfig = (text: string) => ({ cloudConfig: `#cloud-config\n${text}` });
const unit = (content: string) =>
  cloudConfig(`coreos: {units: [{name: a.socket, content: ${JSON.stringify(content)}}]}`);

describe("production", () => {
  it("is content with an odd number of members over three hypervisors", () => {
    assert.deepEqual(findings({}).problems, []);
  });

  const refusals: readonly (readonly [string, object, RegExp])[] = [
    [
      "an even number of members",
      { pools: { a: { count: 2 } } },
      /^taiga:pools makes 2 machines.*write 1 or 3/,
    ],
    [
      "an even count",
      { machines: { kind: "kvm", image: "flatcar", count: 4 } },
      /^taiga:machines\.count makes 4 machines.*write 3 or 5/,
    ],
    [
      "a single machine",
      { machines: { kind: "kvm", image: "flatcar", count: 1 } },
      /^taiga:machines\.count makes 1 machine.*write 3 or 5/,
    ],
    [
      "all members on one hypervisor",
      { hypervisors: { a: hypervisors.a } },
      /^taiga:hypervisors has all 3 members on a.*write two more/,
    ],
    [
      "all pools on one of three",
      { pools: { db: { count: 3, hypervisors: ["b"] } } },
      /^taiga:hypervisors has all 3 members on b/,
    ],
    [
      "emulated machines",
      { machines: { kind: "emulated", image: "flatcar" } },
      /^taiga:machines\.kind is "emulated".*write kvm/,
    ],
    [
      "a hypervisor's open port",
      { hypervisors: { ...hypervisors, c: "qemu+tcp://c.example.org/system" } },
      /^taiga:hypervisors\.c .*asks nobody.*write qemu\+tls/,
    ],
    [
      "a socket on all addresses",
      unit("[Socket]\nListenStream=2375\n"),
      /^taiga:cloudConfig coreos\.units\[0\]\.content has "ListenStream=2375".*write 127\.0\.0\.1/,
    ],
    [
      "Docker on a port",
      cloudConfig(
        'coreos: {units: [{name: docker.service, drop_ins: [{name: a.conf, content: "[Service]\\nExecStart=/usr/sbin/dockerd -H tcp://0.0.0.0:2375"}]}]}',
      ),
      /drop_ins\[0\]\.content has .*tcp:\/\/0\.0\.0\.0:2375/,
    ],
    [
      "passwords by ssh",
      cloudConfig(
        "write_files: [{path: /etc/ssh/sshd_config.d/a.conf, content: PasswordAuthentication yes}]",
      ),
      /write_files\[0\]\.content has "PasswordAuthentication yes"; write no/,
    ],
    [
      "a unit among the files",
      cloudConfig(
        `write_files: [{path: /etc/systemd/system/a.socket, encoding: b64, content: ${Buffer.from("[Socket]\nListenStream=0.0.0.0:80").toString("base64")}}]`,
      ),
      /write_files\[0\]\.content has "ListenStream=0\.0\.0\.0:80"/,
    ],
  ];
  for (const [what, raw, expected] of refusals) {
    it(`refuses ${what}, and a stack that is not production does not`, () => {
      const { problems } = findings(raw);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] as string, expected);
      assert.deepEqual(findings({ ...raw, production: false }), { problems: [], warnings: [] });
    });
  }

  it("refuses an image for machines that is not pinned", () => {
    const [problem, ...others] = findings({ machines: { kind: "kvm" } }).problems;
    assert.match(problem ?? "", /^taiga:machines\.image is "debian".*write flatcar or fcos/);
    assert.deepEqual(others, []);
  });

  it("refuses data volumes without protection", () => {
    assert.match(findings({}, false).problems.join(), /^taiga:protectData is false; write true/);
  });

  it("has nothing against what listens on the machine alone", () => {
    for (const address of ["/run/a.sock", "127.0.0.1:80", "@abstract", "[::1]:80"])
      assert.deepEqual(findings(unit(`[Socket]\nListenStream=${address}\n`)).problems, [], address);
  });

  it("warns of a majority on one hypervisor, and of the rehearsal", () => {
    const { a, b } = hypervisors;
    const { problems, warnings } = findings({ hypervisors: { a, b } });
    assert.deepEqual(problems, []);
    assert.match(warnings.join("\n"), /^taiga:hypervisors has 2 of 3 members on a.*write three hypervisors/m);
    assert.match(warnings.join("\n"), /^taiga:images is left out, so the rehearsal stands in for Taiga/m);
  });
});
