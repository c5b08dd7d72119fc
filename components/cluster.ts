import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { plan } from "../nodes/plan";
import { renderNode } from "../nodes/render";
import { access, cluster } from "../provider";
import {
  type Credentials,
  hostKey,
  machineId,
  operatorPublicKey,
  parseCredentials,
} from "../provider/credentials";
import { digest } from "./digest";
import { type Hypervisor, soleHypervisor } from "./hypervisors";
import { Machine, type MachineTransforms } from "./machine";
import type { MachineKind } from "./machine-settings";
import { makeupOf } from "./makeup";
import { ClusterNetwork, type ClusterNetworkArgs } from "./network";
import { type NodePool, placements } from "./node-pools";
import type { Settings } from "./settings";

export interface ClusterArgs {
  readonly settings: Settings;
  /** What `auto` came to on this host. */
  readonly kind: MachineKind;
  /** The stack's root secret, from which every machine's identity is derived. */
  readonly credentials: pulumi.Output<string>;
  /** Whether data volumes are protected from deletion. Default: true. */
  readonly protectData?: boolean;
  /**
   * Reaches the children's arguments before they are made.
   * @example { machine: { domain: (args) => { args.graphics = { type: "vnc" }; } } }
   */
  readonly transform?: {
    readonly network?: ClusterNetworkArgs["transform"];
    readonly machine?: MachineTransforms;
  };
}

/**
 * Machines joined by etcd, flannel and fleet. What depends on `joined` finds etcd with its users, and all machines in fleet, though
 * Docker may still be starting on those of a new cluster; what depends on `ready` finds all of them whole.
 */
export class Cluster extends pulumi.ComponentResource {
  readonly machines: readonly Machine[];
  readonly joined: access.Access;
  readonly ready: cluster.Readiness;
  /** Changes with any machine. */
  readonly revision: pulumi.Output<string>;
  /** Where users come in: what `taiga:link` has as its entry, else an address that moves between the machines. */
  readonly entry: string;
  /** Whether the entry is the machines' own to move. */
  readonly floating: boolean;

  constructor(name: string, args: ClusterArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:cluster:Cluster", name, {}, options);
    const { settings, kind, transform } = args;
    const placed = placements(settings.pools);
    const numbers = placed.map(({ number }) => number);
    const planned = plan({
      prefix: settings.prefix,
      cidr: settings.network,
      count: Math.max(...numbers),
      numbers,
      entry: settings.entry,
    });
    this.floating = settings.link.entry === undefined;
    this.entry = settings.link.entry ?? planned.entry;
    const members = planned.machines.map((machine) => ({ name: machine.name, address: machine.address }));
    const described = planned.machines.map((machine, at) => {
      const place = placed[at] as (typeof placed)[number];
      const ignition = pulumi.secret(
        args.credentials.apply((text) =>
          ignitionOf(parseCredentials(text), machine, planned, settings, place.pool, kind === "emulated"),
        ),
      );
      return { name: machine.name, machine, placed: place, ignition };
    });
    const configuration = new cluster.Configuration(
      name,
      {
        prefix: settings.prefix,
        machines: members.map((machine) => machine.name),
        protectData: args.protectData ?? true,
        makeup: makeupOf(kind, settings.machines.image, described),
      },
      { parent: this, deletedWith: this },
    );
    const hypervisors = settings.hypervisors
      .filter(({ name: each }) => placed.some(({ hypervisor }) => hypervisor === each))
      .map((each) => {
        const within = { parent: this, ...providerOf(each, this) };
        const network = new ClusterNetwork(
          each.name === soleHypervisor ? name : `${name}-${each.name}`,
          {
            plan: planned,
            pool: settings.pool,
            link: settings.link,
            image: settings.machines.image,
            disks: kind !== "container",
            ...(transform?.network ? { transform: transform.network } : {}),
          },
          { ...within, dependsOn: configuration },
        );
        return { ...each, within, network };
      });
    const memberships: cluster.Membership[] = [];
    this.machines = described.map(({ machine, placed: { pool, hypervisor }, ignition }, at) => {
      const on = hypervisors.find((each) => each.name === hypervisor) as (typeof hypervisors)[number];
      const made = new Machine(
        machine.name,
        {
          planned: machine,
          kind,
          settings: pool,
          network: on.network,
          pool: settings.pool,
          libvirt: on.uri,
          image: settings.machines.image,
          ignition,
          protectData: args.protectData ?? true,
          ...(transform?.machine ? { transform: transform.machine } : {}),
        },
        on.within,
      );
      const seat = new cluster.Seat(
        machine.name,
        { name: machine.name, address: machine.address },
        { parent: this, dependsOn: made.domain, deletedWith: this },
      );
      const membership = new cluster.Membership(
        machine.name,
        {
          ...(members[at] as (typeof members)[number]),
          machineRevision: made.revision,
          members,
          containers: settings.containers,
        },
        // Destroying the cluster must not first wait for each machine to leave it.
        { parent: this, dependsOn: [made.domain, seat], deletedWith: this, deleteBeforeReplace: true },
      );
      memberships.push(membership);
      if (made.data)
        new cluster.DataDisk(
          machine.name,
          {
            name: machine.name,
            address: machine.address,
            libvirt: made.hypervisor,
            ...made.data,
            size: pool.dataDisk,
          },
          { parent: this, dependsOn: membership, deletedWith: this },
        );
      return made;
    });
    this.revision = pulumi
      .all(this.machines.map(({ revision }) => revision))
      .apply((all) => digest(all.join()));
    this.joined = new access.Access(
      name,
      {
        users: args.credentials.apply((text) => access.usersDigest(parseCredentials(text))),
        enrolled: memberships.map(({ enrolled }) => enrolled),
      },
      { parent: this, dependsOn: memberships, deletedWith: this },
    );
    this.ready = new cluster.Readiness(
      name,
      {
        machines: members,
        revision: this.revision,
      },
      { parent: this, dependsOn: this.joined, deletedWith: this },
    );
    this.registerOutputs({ machines: members });
  }
}

/** A stack that lists its hypervisors has a provider for each; one that lists none has the engine's own. */
function providerOf({ name, uri }: Hypervisor, parent: pulumi.Resource): { provider?: libvirt.Provider } {
  return name === soleHypervisor ? {} : { provider: new libvirt.Provider(name, { uri }, { parent }) };
}

function ignitionOf(
  credentials: Credentials,
  machine: ReturnType<typeof plan>["machines"][number],
  planned: ReturnType<typeof plan>,
  settings: Settings,
  pool: NodePool,
  emulated: boolean,
): string {
  return renderNode(
    {
      name: machine.name,
      index: String(machine.index + 1),
      address: machine.address,
      prefixLength: String(planned.prefixLength),
      gateway: settings.link.gateway ?? planned.gateway,
      mac: machine.mac,
      machineId: machineId(credentials, machine.name),
      operatorKey: operatorPublicKey(credentials),
      hostKey: hostKey(credentials, machine.address).privateKey,
    },
    {
      distribution: settings.machines.image.name,
      emulated,
      ...(settings.cloudConfig ? { cloudConfig: settings.cloudConfig } : {}),
      metadata: metadataOf(pool),
    },
  );
}

/** A machine's metadata in fleet beside those all machines have. */
const metadataOf = ({ name, metadata }: NodePool): Record<string, string> =>
  name === undefined ? {} : { pool: name, ...metadata };
