import type * as command from "@pulumi/command";
import type * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import type { ImageChoice } from "../images/catalogue";
import type { PlannedMachine } from "../nodes/plan";
import { containerMachine } from "./machine-container";
import type { MachineKind } from "./machine-settings";
import type { MachineSize } from "./machine-size";
import { virtualMachine } from "./machine-virtual";
import type { ClusterNetwork } from "./network";
import type { Transform } from "./transform";

export interface MachineArgs {
  /** Name, address and MAC. @example plan({ prefix: "taiga-dev", cidr: "10.77.0.0/24", count: 3 }).machines[0] */
  readonly planned: PlannedMachine;
  readonly kind: MachineKind;
  /** Memory (MiB), virtual CPUs, size of the data disk (MiB). */
  readonly settings: MachineSize;
  /** What it is on and boots from; for virtual machines made with `disks`. */
  readonly network: ClusterNetwork;
  /** Folder of the stack's storage pool. @example "/var/lib/taiga/taiga-dev" */
  readonly pool: string;
  /** URI of the libvirt that has virtual machines. Default: qemu:///system. */
  readonly libvirt?: string;
  /** What a virtual machine boots. Default: the image built here. */
  readonly image?: ImageChoice;
  /** Rendered Ignition, JSON. A secret: it holds the host key. A change replaces the machine, never its data. */
  readonly ignition: pulumi.Output<string>;
  /** Whether the data volume is protected from deletion. */
  readonly protectData: boolean;
  readonly transform?: MachineTransforms;
}

/** Reach a machine's children; `container` and `folder` are what a container machine has for domain and data. */
export interface MachineTransforms {
  readonly domain?: Transform<libvirt.DomainArgs>;
  readonly overlay?: Transform<libvirt.VolumeArgs>;
  readonly data?: Transform<libvirt.VolumeArgs>;
  readonly payload?: Transform<libvirt.VolumeArgs>;
  readonly ignition?: Transform<libvirt.IgnitionArgs>;
  readonly container?: Transform<command.local.CommandArgs>;
  readonly folder?: Transform<command.local.CommandArgs>;
}

/** What a kind of machine makes of the arguments. */
export interface MadeMachine {
  /** The resource that is the running machine: what comes after it depends on it. */
  readonly domain: pulumi.Resource;
  /** Changes when the machine is another one under the same name. */
  readonly revision: pulumi.Output<string>;
  /** Distribution and content or version, as in `debian-1cc7fafe9fe6`. */
  readonly image: string;
  /** The libvirt URI under which virsh finds it. */
  readonly hypervisor: string;
  /** The volume of its data, where that is one. */
  readonly data?: { readonly pool: pulumi.Output<string>; readonly volume: pulumi.Output<string> };
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
  readonly data: MadeMachine["data"];

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
    this.data = made.data;
    this.registerOutputs({ name: this.name, address: this.address });
  }
}
