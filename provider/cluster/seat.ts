import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";

export interface SeatArgs {
  readonly name: string;
  readonly address: string;
}

/**
 * A machine's place in the cluster, which is noted before its Membership begins. One whose Membership did not end well may
 * be a member of etcd all the same: when it is taken out of the configuration again, it leaves by this.
 */
export class Seat extends DynamicResource {
  constructor(name: string, args: SeatArgs, options?: pulumi.CustomResourceOptions) {
    super("seat", "cluster:Seat", name, { ...args }, options);
  }
}
