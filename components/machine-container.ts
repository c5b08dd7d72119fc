import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { nodeImage, payload } from "../images/artifacts";
import { type ContainerSpec, containerUri, generationOf } from "./container-domain";
import { digest } from "./digest";
import type { MachineArgs, MadeMachine } from "./machine";
import { transformed } from "./transform";

/** What begins a command that mounts, or writes in the pool, with the environment it reads. */
const asRoot = (variable: string) => (process.getuid?.() === 0 ? "" : `sudo --preserve-env=${variable} -- `);

/**
 * A libvirt LXC domain over the node image's root file system: the same Ignition at native speed, less isolated.
 * The libvirt provider knows no domain of type lxc, so virsh makes it, through a small program of this project.
 */
export function containerMachine(name: string, args: MachineArgs, parent: pulumi.Resource): MadeMachine {
  const { planned, settings, network, pool, transform } = args;
  const image = nodeImage();
  const contents = payload();
  const made = new command.local.Command(
    ...transformed(
      transform?.folder,
      `${name}-data`,
      {
        create: `${asRoot("DATA")}mkdir -p -m 755 "$DATA"`,
        delete: `${asRoot("DATA")}rm -rf "$DATA"`,
        environment: { DATA: `${pool}/${planned.name}-data` },
      },
      { parent, protect: args.protectData, dependsOn: network.pool },
    ),
  );
  const [folder, data] = [`${pool}/${planned.name}`, `${pool}/${planned.name}-data`];
  const generation = generationOf({ folder, data });
  const spec = network.network.name.apply(
    (networkName): ContainerSpec => ({
      name: planned.name,
      memory: settings.memory,
      vcpus: settings.vcpus,
      network: networkName,
      mac: planned.mac,
      rootfs: image.rootfs,
      payload: contents.tree,
      folder,
      data,
      generation,
    }),
  );
  const ignitionKey = pulumi.unsecret(args.ignition.apply(digest));
  // The user's Node, which may be one of deploy.sh's: root's own PATH has no other, or an older one.
  const node = process.getuid?.() === 0 ? "node" : '"$(command -v node)"';
  const program = `${asRoot("MACHINE")}${node} --require tsx/cjs components/container-domain.ts`;
  const domain = new command.local.Command(
    ...transformed(
      transform?.container,
      `${name}-domain`,
      {
        create: `${program} create`,
        delete: `${program} delete`,
        environment: { MACHINE: spec.apply((each) => JSON.stringify(each)) },
        stdin: args.ignition,
        triggers: [spec.apply((each) => digest(JSON.stringify(each))), ignitionKey],
      },
      { parent, dependsOn: [made], deleteBeforeReplace: true, additionalSecretOutputs: ["stdin"] },
    ),
  );
  return {
    domain,
    revision: pulumi
      .all([spec, ignitionKey, domain.id])
      .apply(([each, key, id]) => digest(JSON.stringify([each, key, id]))),
    image: `debian-${image.key}`,
    hypervisor: containerUri,
  };
}
