import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import type { ContainerSpec } from "../../components/container-domain";
import { createCredentials } from "../../provider/credentials";

const made: pulumi.runtime.MockResourceArgs[] = [];
const inputsOf = (type: string, name: string): Record<string, unknown> => {
  const found = made.find((each) => each.type === type && each.name === name);
  assert.ok(found, `${type} ${name} among ${made.map((each) => each.name).join(", ")}`);
  return found.inputs as Record<string, unknown>;
};
const command = (name: string) => inputsOf("command:local:Command", name);

pulumi.runtime.setMocks(
  {
    newResource: (args) => {
      made.push(args);
      return { id: `${args.name}-id`, state: args.inputs };
    },
    call: () => ({}),
  },
  "taiga",
  "test",
  false,
);

describe("the program of a cluster of container machines", () => {
  let machines: readonly { name: string; address: string; hypervisor: string; image: string }[];

  before(async () => {
    const { Cluster } = (await import(
      "../../components/cluster.js"
    )) as typeof import("../../components/cluster.js");
    const { readSettings } = (await import(
      "../../components/settings.js"
    )) as typeof import("../../components/settings.js");
    const { settings } = readSettings({
      prefix: "taiga-lxc",
      network: "10.51.0.0/24",
      machines: { kind: "container", memory: 1024 },
      pool: "/srv/pool",
    });
    const cluster = new Cluster("taiga-lxc", {
      settings,
      kind: "container",
      credentials: pulumi.secret(JSON.stringify(await createCredentials())),
      transform: { machine: { container: (args) => void Object.assign(args, { logging: "none" }) } },
    });
    machines = cluster.machines;
    await new Promise((resolve) => cluster.ready.urn.apply(resolve));
  });

  it("makes no domain or volume of the libvirt provider, which knows none of type lxc", () => {
    const types = new Set(made.map(({ type }) => type).filter((type) => type.startsWith("libvirt:")));
    assert.deepEqual([...types].sort(), ["libvirt:index/network:Network", "libvirt:index/pool:Pool"]);
  });

  it("tells its program what a machine is made of, and keeps Ignition out of arguments and environment", () => {
    const { create, environment, stdin, logging } = command("taiga-lxc-2-domain");
    const spec = JSON.parse((environment as { MACHINE: string }).MACHINE) as ContainerSpec;
    assert.equal(spec.name, "taiga-lxc-2");
    assert.equal(spec.memory, 1024);
    assert.equal(spec.network, "taiga-lxc");
    assert.equal(spec.folder, "/srv/pool/taiga-lxc-2");
    assert.equal(spec.data, "/srv/pool/taiga-lxc-2-data");
    assert.match(spec.mac, /^52:54:00(:[0-9a-f]{2}){3}$/);
    assert.equal(create, "node --require tsx/cjs components/container-domain.ts create");
    assert.match(JSON.stringify(stdin), /ignition/);
    assert.doesNotMatch(JSON.stringify(environment), /ignition.*version/);
    assert.equal(logging, "none", "the transform reached it");
  });

  it("tells the configuration's resource of no data disk, where data is a folder", () => {
    const { makeup } = inputsOf("pulumi-nodejs:dynamic/cluster:Configuration", "taiga-lxc");
    const machine = (makeup as Record<string, Record<string, unknown>>)["taiga-lxc-1"] ?? {};
    assert.deepEqual([machine.kind, machine.memory], ["container", 1024]);
    assert.ok(!("dataDisk" in machine));
  });

  it("keeps data in a folder of its own, which a replaced machine finds again", () => {
    const { create, environment } = command("taiga-lxc-1-data");
    assert.deepEqual(environment, { DATA: "/srv/pool/taiga-lxc-1-data" });
    assert.match(String(create), /mkdir -p/);
  });

  it("says where a machine is found", () => {
    assert.deepEqual(
      machines.map(({ name, address, hypervisor }) => ({ name, address, hypervisor })),
      [1, 2, 3].map((n) => ({
        name: `taiga-lxc-${n}`,
        address: `10.51.0.1${n}`,
        hypervisor: "lxc:///system",
      })),
    );
    assert.match(machines[0]?.image ?? "", /^debian-[0-9a-f]{12}$/);
  });

  it("hands each membership all members and the machine's revision", () => {
    const membership = inputsOf("pulumi-nodejs:dynamic/cluster:Membership", "taiga-lxc-3");
    assert.deepEqual(
      (membership.members as { address: string }[]).map(({ address }) => address),
      ["10.51.0.11", "10.51.0.12", "10.51.0.13"],
    );
    assert.match(String(membership.machineRevision), /^[0-9a-f]{12}$/);
  });
});
