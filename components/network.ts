import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { type BootImage, bootImage, type Payload, payload } from "../images/artifacts";
import type { ImageChoice } from "../images/catalogue";
import type { Plan } from "../nodes/plan";
import type { Link } from "./link";
import { type Transform, transformed } from "./transform";

export interface ClusterNetworkArgs {
  readonly plan: Plan;
  /** Folder of the storage pool on the hypervisor; made by the pool, and gone with it. */
  readonly pool: string;
  /** Whether libvirt makes a network of its own, or has one over a bridge that is there. Default: a NAT network. */
  readonly link?: Link;
  /** What virtual machines boot. Default: the image built here. */
  readonly image?: ImageChoice;
  /** Whether virtual machines will boot from it: container machines need no disks. */
  readonly disks: boolean;
  readonly transform?: {
    readonly network?: Transform<libvirt.NetworkArgs>;
    readonly pool?: Transform<libvirt.PoolArgs>;
    /** Each of the volumes that machines boot from, four at most; the name tells which. */
    readonly volume?: Transform<libvirt.VolumeArgs>;
  };
}

/** What every virtual machine of a cluster boots from, each volume named by its content. */
export interface BootVolumes {
  readonly base: libvirt.Volume;
  /** Of an image without a boot loader. */
  readonly direct?: { readonly kernel: libvirt.Volume; readonly initrd: libvirt.Volume };
  readonly payload: libvirt.Volume;
}

/** What machines share: a network with static addresses, a storage pool, and the volumes that all boot from. */
export class ClusterNetwork extends pulumi.ComponentResource {
  readonly network: libvirt.Network;
  /** What joins a virtual machine to the network. */
  readonly attachment: Pick<libvirt.types.input.DomainNetworkInterface, "networkId" | "bridge">;
  readonly pool: libvirt.Pool;
  readonly boot?: BootVolumes;

  constructor(name: string, args: ClusterNetworkArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:cluster:ClusterNetwork", name, {}, options);
    const { plan, transform } = args;

    this.network = new libvirt.Network(
      ...transformed(
        transform?.network,
        `${name}-network`,
        networkOf(plan, args.link),
        // A component does not hand this on; machines come after it by their network.
        { parent: this, ...(options?.dependsOn ? { dependsOn: options.dependsOn } : {}) },
      ),
    );
    // libvirt shows a running domain's interface at the bridge itself where its network is only a name for one that is there.
    this.attachment = args.link?.bridge ? { bridge: this.network.bridge } : { networkId: this.network.id };
    this.pool = new libvirt.Pool(
      ...transformed(
        transform?.pool,
        `${name}-pool`,
        { name: plan.prefix, type: "dir", target: { path: args.pool } },
        { parent: this },
      ),
    );
    const image = bootImage(args.image ?? { name: "debian" });
    if (args.disks) this.boot = this.bootVolumes(name, image, payload(), transform?.volume);

    this.registerOutputs({ network: this.network.name, pool: this.pool.name });
  }

  private bootVolumes(
    name: string,
    image: BootImage,
    contents: Payload,
    transform: Transform<libvirt.VolumeArgs> | undefined,
  ): BootVolumes {
    const volume = (part: string, key: string, source: string, format: "qcow2" | "raw") =>
      new libvirt.Volume(
        ...transformed(
          transform,
          `${name}-${part}`,
          { name: `${part}-${key}`, pool: this.pool.name, source, format },
          { parent: this },
        ),
      );
    const { direct } = image;
    return {
      base: volume("base", image.key, image.disk, "qcow2"),
      ...(direct && {
        direct: {
          kernel: volume("kernel", image.key, direct.kernel, "raw"),
          initrd: volume("initrd", image.key, direct.initrd, "raw"),
        },
      }),
      payload: volume("payload", contents.key, contents.image, "raw"),
    };
  }
}

function networkOf({ prefix, bridge, cidr }: Plan, link?: Link): libvirt.NetworkArgs {
  if (link?.bridge !== undefined)
    return { name: prefix, mode: "bridge", bridge: link.bridge, autostart: true };
  return {
    name: prefix,
    mode: "nat",
    bridge,
    addresses: [cidr],
    dhcp: { enabled: false }, // every address is planned
    dns: { enabled: true },
    autostart: true,
  };
}
