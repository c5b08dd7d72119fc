import type * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import type { PlannedMachine } from "../nodes/plan";
import { containerMachine } from "./machine-container";
import { virtualMachine } from "./machine-virtual";
import type { ClusterNetwork } from "./network";
import type { MachineKind, MachineSettings } from "./settings";
import type { Transform } from "./transform";

export interface MachineArgs {
  readonly planned: PlannedMachine;
  readonly kind: MachineKind;
  /** Memory (MiB), virtual CPUs, size of the data disk (MiB). */
  readonly settings: MachineSettings;
  readonly network: ClusterNetwork;
  /** Folder of the stack's storage pool. */
  readonly pool: string;
  /** Rendered Ignition, JSON. A secret: it holds the host key. A change replaces the machine, never its data. */
  readonly ignition: pulumi.Output<string>;
  /** Whether the data volume is protected from deletion. */
  readonly protectData: boolean;
  readonly transform?: MachineTransforms;
}

export interface MachineTransforms {
  readonly domain?: Transform<libvirt.DomainArgs>;
  readonly overlay?: Transform<libvirt.VolumeArgs>;
  readonly data?: Transform<libvirt.VolumeArgs>;
}

/** What a kind of machine makes of the arguments. */
export interface MadeMachine {
  /** The resource that is the running machine: what comes after it depends on it. */
  readonly domain: pulumi.Resource;
  /** Changes when the machine is another one under the same name. */
  readonly revision: pulumi.Output<string>;
  readonly image: string;
  readonly hypervisor: string;
}

/**
 * One machine: an overlay that may be thrown away, a data volume that may not, the shared payload, Ignition, and the
 * domain, which is virtual (`kvm`, `emulated`) or a container (`container`). All kinds take the same Ignition.
 */
export class Machine extends pulumi.ComponentResource {
  readonly name: string;
  readonly address: string;
  readonly domain: pulumi.Resource;
  readonly revision: pulumi.Output<string>;
  readonly image: string;
  readonly hypervisor: string;

  constructor(name: string, args: MachineArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:cluster:Machine", name, {}, options);
    const made =
      args.kind === "container" ? containerMachine(name, args, this) : virtualMachine(name, args, this);
    this.name = args.planned.name;
    this.address = args.planned.address;
    this.domain = made.domain;
    this.revision = made.revision;
    this.image = made.image;
    this.hypervisor = made.hypervisor;
    this.registerOutputs({ name: this.name, address: this.address });
  }
}
