import * as pulumi from "@pulumi/pulumi";
import { plan } from "../nodes/plan";
import { renderNode } from "../nodes/render";
import { cluster } from "../provider";
import {
  type Credentials,
  hostKey,
  machineId,
  operatorPublicKey,
  parseCredentials,
} from "../provider/credentials";
import { digest } from "./digest";
import { Machine, type MachineTransforms } from "./machine";
import { ClusterNetwork, type ClusterNetworkArgs } from "./network";
import type { MachineKind, Settings } from "./settings";

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

/** Machines joined by etcd, flannel and fleet. What depends on `ready` finds all of them whole. */
export class Cluster extends pulumi.ComponentResource {
  readonly machines: readonly Machine[];
  readonly ready: cluster.Readiness;

  constructor(name: string, args: ClusterArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:cluster:Cluster", name, {}, options);
    const { settings, kind, transform } = args;
    const planned = plan({ prefix: settings.prefix, cidr: settings.network, count: settings.machines.count });
    const members = planned.machines.map((machine) => ({ name: machine.name, address: machine.address }));
    const configuration = new cluster.Configuration(
      name,
      { prefix: settings.prefix, machines: members.map((machine) => machine.name) },
      { parent: this, deletedWith: this },
    );
    const network = new ClusterNetwork(
      name,
      {
        plan: planned,
        pool: settings.pool,
        disks: kind !== "container",
        ...(transform?.network ? { transform: transform.network } : {}),
      },
      { parent: this, dependsOn: configuration },
    );
    const memberships: cluster.Membership[] = [];
    this.machines = planned.machines.map((machine) => {
      const made = new Machine(
        machine.name,
        {
          planned: machine,
          kind,
          settings: settings.machines,
          network,
          pool: settings.pool,
          libvirt: settings.libvirt,
          ignition: pulumi.secret(
            args.credentials.apply((text) => ignitionOf(parseCredentials(text), machine, planned, settings)),
          ),
          protectData: args.protectData ?? true,
          ...(transform?.machine ? { transform: transform.machine } : {}),
        },
        { parent: this },
      );
      memberships.push(
        new cluster.Membership(
          machine.name,
          {
            ...(members[machine.index] as (typeof members)[number]),
            machineRevision: made.revision,
            members,
            containers: settings.containers,
          },
          // Destroying the cluster must not first wait for each machine to leave it.
          { parent: this, dependsOn: [made.domain], deletedWith: this, deleteBeforeReplace: true },
        ),
      );
      return made;
    });
    this.ready = new cluster.Readiness(
      name,
      {
        machines: members,
        revision: pulumi
          .all(this.machines.map(({ revision }) => revision))
          .apply((all) => digest(all.join())),
      },
      { parent: this, dependsOn: memberships, deletedWith: this },
    );
    this.registerOutputs({ machines: members });
  }
}

function ignitionOf(
  credentials: Credentials,
  machine: ReturnType<typeof plan>["machines"][number],
  planned: ReturnType<typeof plan>,
  settings: Settings,
): string {
  return renderNode(
    {
      name: machine.name,
      index: String(machine.index + 1),
      address: machine.address,
      prefixLength: String(planned.prefixLength),
      gateway: planned.gateway,
      mac: machine.mac,
      machineId: machineId(credentials, machine.name),
      operatorKey: operatorPublicKey(credentials),
      hostKey: hostKey(credentials, machine.address).privateKey,
    },
    settings.cloudConfig,
  );
}
