import type * as pulumi from "@pulumi/pulumi";
import type { Machine } from "../clients/ssh";
import { DynamicResource } from "../dynamic";

export interface MembershipArgs {
  readonly name: string;
  readonly address: string;
  /** A digest that changes when the machine is another one: its domain, image or Ignition. */
  readonly machineRevision: pulumi.Input<string>;
  readonly members: readonly Pick<Machine, "name" | "address">[];
  /** flannel's network for containers, CIDR. */
  readonly containers: string;
}

/**
 * A machine's place in the cluster. Depends on the machine and is replaced with it, deleted before: the delete waits for
 * its turn and for a whole cluster, so machines that change together are replaced one at a time. The etcd
 * member stays, unless the machine leaves for good.
 */
export class Membership extends DynamicResource {
  /** etcd's id of the member, hexadecimal as etcdctl prints it. */
  declare readonly memberId: pulumi.Output<string>;
  /** The machine's id, under which fleet knows it. */
  declare readonly machineId: pulumi.Output<string>;
  /** ISO 8601; `pulumi up` renews the certificates within 30 days of it. */
  declare readonly certificateNotAfter: pulumi.Output<string>;
  /** ISO 8601: when the machine was brought in. */
  declare readonly enrolled: pulumi.Output<string>;

  constructor(name: string, args: MembershipArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      memberId: undefined,
      machineId: undefined,
      certificateNotAfter: undefined,
      enrolled: undefined,
    };
    super("membership", "cluster:Membership", name, { ...outputs, ...args }, options);
  }
}
