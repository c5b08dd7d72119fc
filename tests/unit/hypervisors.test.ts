import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLocal } from "../../components/hypervisors";
import { readSettings } from "../../components/settings";

const two = { a: "qemu+ssh://a.example.org/system", b: "qemu+tls://b.example.org:16514/system" };
const messages = (raw: object) =>
  readSettings({ prefix: "taiga-prod", machines: { kind: "kvm" }, ...raw }).problems.map(
    ({ field, message }) => `${field} ${message}`,
  );
const one = (raw: object, expected: RegExp) => {
  const all = messages(raw);
  assert.equal(all.length, 1, all.join("\n"));
  assert.match(all[0] as string, expected);
};

describe("hypervisors", () => {
  it("that a stack lists have any name, local too: each is then reached by its own URI", () => {
    const raw = { hypervisors: { local: "qemu:///system" }, machines: { kind: "kvm" } };
    const { settings } = readSettings({ prefix: "taiga-prod", libvirt: "qemu:///session", ...raw });
    assert.deepEqual(settings.hypervisors, [{ name: "local", uri: "qemu:///system" }]);
    assert.deepEqual(settings.pools[0]?.hypervisors, ["local"]);
    const [sole] = readSettings({ prefix: "taiga-dev", libvirt: "qemu:///session" }).settings.hypervisors;
    assert.notEqual(sole?.name, "local");
  });

  it("may be several that share a bridge", () => {
    assert.deepEqual(messages({ hypervisors: two, link: { mode: "bridge", bridge: "br0" } }), []);
  });

  it("are told apart by where they are, not by who goes there and how", () => {
    const twice = (a: string, b: string) =>
      messages({ hypervisors: { a, b }, link: { mode: "bridge", bridge: "br0" } }).join();
    assert.match(twice("qemu:///system", "qemu+unix:///system"), /a is the same libvirt/);
    assert.match(twice("qemu+ssh://me@h/system", "qemu+tls://h/system"), /a is the same libvirt/);
    assert.equal(twice("qemu:///system", "qemu+unix:///system?socket=/run/second/libvirt-sock"), "");
  });

  it("are on this host when their URI names none", () => {
    assert.ok(isLocal("qemu:///system") && isLocal("qemu+unix:///system?socket=/run/x"));
    assert.ok(!isLocal("qemu+ssh://root@h/system"));
  });

  const refusals: readonly (readonly [string, object, RegExp])[] = [
    [
      "a list",
      { hypervisors: ["qemu:///system"] },
      /^taiga:hypervisors .*write a mapping of names to libvirt URIs/,
    ],
    [
      "another driver",
      { hypervisors: { a: "xen:///system" } },
      /^taiga:hypervisors\.a is "xen:\/\/\/system"; write a libvirt URI/,
    ],
    [
      "one under two names",
      { hypervisors: { a: two.a, b: two.a }, link: { mode: "bridge", bridge: "br0" } },
      /^taiga:hypervisors\.b .*a is the same libvirt/,
    ],
    [
      "a name with a dot",
      { hypervisors: { "a.b": two.a } },
      /^taiga:hypervisors\.a\.b .*a name of lower-case/,
    ],
    [
      "kind auto on another host",
      { hypervisors: { a: two.a }, machines: { kind: "auto" } },
      /^taiga:machines\.kind "auto" is for this host alone, and a is qemu\+ssh.*write kvm or emulated/,
    ],
    [
      "containers on another host",
      { hypervisors: { a: two.a }, machines: { kind: "container" } },
      /^taiga:machines\.kind "container"/,
    ],
    [
      "containers on a second libvirt of this host",
      {
        hypervisors: { a: "qemu+unix:///system?socket=/run/second/libvirt-sock" },
        machines: { kind: "container" },
      },
      /^taiga:machines\.kind "container" is for this host's own libvirt alone, and a is/,
    ],
  ];
  for (const [what, raw, expected] of refusals) it(`are refused: ${what}`, () => one(raw, expected));
});

describe("the link between machines", () => {
  const bridge = { mode: "bridge", bridge: "br0" };
  const refusals: readonly (readonly [string, object, RegExp])[] = [
    [
      "NAT over several hypervisors",
      { hypervisors: two },
      /^taiga:link\.mode is "nat"; write bridge.*a, b share/,
    ],
    [
      "an unknown mode",
      { link: { mode: "vlan" } },
      /^taiga:link\.mode is "vlan"; write one of nat, bridge, route/,
    ],
    [
      "a bridge without a name",
      { link: { mode: "bridge" } },
      /^taiga:link\.bridge is missing; write the bridge's name/,
    ],
    [
      "a name the kernel refuses",
      { link: { mode: "bridge", bridge: "a-very-long-bridge" } },
      /^taiga:link\.bridge .*at most 15/,
    ],
    [
      "a bridge for NAT",
      { link: { bridge: "br0" } },
      /^taiga:link\.bridge is "br0"; write nothing, or mode: bridge/,
    ],
    [
      "a routed network whose entry would have to move",
      { link: { ...bridge, mode: "route" } },
      /^taiga:link\.mode is "route"; write bridge, or entry/,
    ],
    [
      "a gateway elsewhere",
      { link: { ...bridge, gateway: "10.1.0.1" } },
      /^taiga:link\.gateway is "10\.1\.0\.1"; write an address of 10\.77\.0\.0\/24/,
    ],
    [
      "a gateway that is a machine",
      { link: { ...bridge, gateway: "10.77.0.11" } },
      /^taiga:link\.gateway .*no machine gets/,
    ],
    [
      "an entry that is the address which the stack would move itself",
      { link: { mode: "route", bridge: "br0", entry: "10.77.0.5" } },
      /^taiga:link\.entry is "10\.77\.0\.5"; write an address of 10\.77\.0\.0\/24 that no machine gets: .*taiga:entry/,
    ],
    [
      "an entry that is a machine's",
      { link: { entry: "10.77.0.11" } },
      /^taiga:link\.entry is "10\.77\.0\.11"; write an address/,
    ],
    [
      "an entry that is a URL",
      { link: { ...bridge, entry: "http://x" } },
      /^taiga:link\.entry .*a name or an address/,
    ],
    [
      "an unknown field",
      { link: { vlan: 3 } },
      /^taiga:link\.vlan is 3; write one of mode, bridge, gateway, entry/,
    ],
  ];
  for (const [what, raw, expected] of refusals) it(`is refused: ${what}`, () => one(raw, expected));

  it("may be routed where users come in at something outside", () => {
    const link = { mode: "route", bridge: "br0", gateway: "10.77.0.254", entry: "taiga.example.org" };
    assert.deepEqual(messages({ hypervisors: two, link }), []);
  });
});
