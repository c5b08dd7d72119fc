import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";

export interface DataDiskArgs {
  /** The machine, which is also its domain. */
  readonly name: string;
  readonly address: string;
  /** Where virsh finds domain and volume. */
  readonly libvirt: string;
  readonly pool: pulumi.Input<string>;
  readonly volume: pulumi.Input<string>;
  /** MiB. */
  readonly size: number;
}

/**
 * The size of a running machine's data disk. Another size of the volume itself would be another volume, without the data;
 * this one grows volume, disk and file system while they are used, and refuses to shrink them.
 */
export class DataDisk extends DynamicResource {
  constructor(name: string, args: DataDiskArgs, options?: pulumi.CustomResourceOptions) {
    super("data-disk", "cluster:DataDisk", name, { ...args }, options);
  }
}
