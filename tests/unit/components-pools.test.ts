import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { createCredentials } from "../../provider/credentials";

const made: pulumi.runtime.MockResourceArgs[] = [];
const of = (type: string) => made.filter((each) => each.type === type);

pulumi.runtime.setMocks(
  {
    newResource: (args) => {
      made.push(args);
      return { id: args.id || `${args.name}-id`, state: args.inputs };
    },
    call: () => ({}),
  },
  "taiga",
  "test",
  false,
);

describe("the program of a cluster over two hypervisors", () => {
  let machines: readonly { name: string; address: string; hypervisor: string }[];
  let entry: string;

  before(async () => {
    const { Cluster } = (await import(
      "../../components/cluster.js"
    )) as typeof import("../../components/cluster.js");
    const { readSettings } = (await import(
      "../../components/settings.js"
    )) as typeof import("../../components/settings.js");
    const { settings, problems } = readSettings({
      prefix: "taiga-two",
      network: "10.52.0.0/24",
      machines: { kind: "kvm" },
      hypervisors: { east: "qemu+ssh://east.example.org/system", west: "qemu+tls://west.example.org/system" },
      link: { mode: "bridge", bridge: "br0", gateway: "10.52.0.254", entry: "taiga.example.org" },
      pools: {
        db: { count: 3, memory: 4096, metadata: { disk: "ssd" } },
        web: { count: 1, first: 11, hypervisors: ["west"], vcpus: 4 },
      },
    });
    assert.deepEqual(problems, []);
    const credentials = pulumi.secret(JSON.stringify(await createCredentials()));
    const cluster = new Cluster("taiga-two", { settings, kind: "kvm", credentials });
    machines = cluster.machines;
    entry = cluster.entry;
    await new Promise((resolve) => cluster.ready.urn.apply(resolve));
  });

  /** What is on which hypervisor, by the provider each resource was given. */
  const on = (type: string) =>
    Object.fromEntries(
      of(type).map(({ name, provider }) => [name, /::(\w+)::[^:]*$/.exec(provider ?? "")?.[1]]),
    );

  it("has one provider a hypervisor, with its URI", () => {
    assert.deepEqual(
      of("pulumi:providers:libvirt").map(({ name, inputs }) => [name, inputs.uri]),
      [
        ["east", "qemu+ssh://east.example.org/system"],
        ["west", "qemu+tls://west.example.org/system"],
      ],
    );
  });

  it("puts network, pool and boot volumes on each hypervisor, and each machine on its own", () => {
    assert.deepEqual(on("libvirt:index/network:Network"), {
      "taiga-two-east-network": "east",
      "taiga-two-west-network": "west",
    });
    assert.deepEqual(on("libvirt:index/domain:Domain"), {
      "taiga-two-1-domain": "east",
      "taiga-two-2-domain": "west",
      "taiga-two-3-domain": "east",
      "taiga-two-11-domain": "west",
    });
    const volumes = on("libvirt:index/volume:Volume");
    assert.equal(volumes["taiga-two-west-base"], "west");
    assert.equal(volumes["taiga-two-1-overlay"], "east");
    assert.equal(volumes["taiga-two-11-data"], "west");
  });

  it("joins the machines to the bridge that is there, which libvirt gives no address", () => {
    for (const { inputs } of of("libvirt:index/network:Network")) {
      assert.deepEqual(inputs, { name: "taiga-two", mode: "bridge", bridge: "br0", autostart: true });
    }
    for (const { inputs } of of("libvirt:index/domain:Domain"))
      assert.deepEqual(
        inputs.networkInterfaces.map(({ mac: _, ...each }: { mac: string }) => each),
        [{ bridge: "br0" }],
      );
  });

  it("gives machines their pool's size and metadata, and the site's gateway", () => {
    const domain = (name: string) =>
      of("libvirt:index/domain:Domain").find((each) => each.name === name)?.inputs;
    assert.deepEqual([domain("taiga-two-1-domain")?.memory, domain("taiga-two-1-domain")?.vcpu], [4096, 1]);
    assert.deepEqual([domain("taiga-two-11-domain")?.memory, domain("taiga-two-11-domain")?.vcpu], [1280, 4]);
    const ignition = JSON.stringify(
      of("libvirt:index/ignition:Ignition").find(({ name }) => name === "taiga-two-2-ignition")?.inputs,
    );
    assert.match(ignition, /FLEET_METADATA=index=2,name=taiga-two-2,pool=db,disk=ssd/);
    const network = [...ignition.matchAll(/base64,([A-Za-z0-9+/=]+)/g)]
      .map(([, text]) => Buffer.from(text as string, "base64").toString())
      .find((text) => text.includes("[Match]"));
    assert.match(network ?? "", /^Gateway=10\.52\.0\.254$/m);
  });

  it("tells the configuration's resource each machine's own size and hypervisor", () => {
    const [{ inputs }] = of("pulumi-nodejs:dynamic/cluster:Configuration") as [(typeof made)[number]];
    assert.deepEqual(
      ["taiga-two-1", "taiga-two-11"].map((name) => {
        const { hypervisor, memory, vcpus } = inputs.makeup[name];
        return { hypervisor, memory, vcpus };
      }),
      [
        { hypervisor: "east", memory: 4096, vcpus: 1 },
        { hypervisor: "west", memory: 1280, vcpus: 4 },
      ],
    );
  });

  it("tells each membership of all members, and says where machines and users are", () => {
    const membership = of("pulumi-nodejs:dynamic/cluster:Membership").find(
      ({ name }) => name === "taiga-two-11",
    );
    assert.equal(membership?.inputs.address, "10.52.0.21");
    assert.deepEqual(
      membership?.inputs.members.map(({ address }: { address: string }) => address),
      ["10.52.0.11", "10.52.0.12", "10.52.0.13", "10.52.0.21"],
    );
    assert.deepEqual(
      machines.map(({ name, hypervisor }) => [name, hypervisor]),
      [
        ["taiga-two-1", "qemu+ssh://east.example.org/system"],
        ["taiga-two-2", "qemu+tls://west.example.org/system"],
        ["taiga-two-3", "qemu+ssh://east.example.org/system"],
        ["taiga-two-11", "qemu+tls://west.example.org/system"],
      ],
    );
    assert.equal(entry, "taiga.example.org");
  });
});
