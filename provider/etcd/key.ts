import type * as pulumi from "@pulumi/pulumi";
import { mergeOptions } from "@pulumi/pulumi/resource";
import { DynamicResource } from "../dynamic";
import { namedOnce } from "../named";

export interface KeyArgs {
  /** Absolute path, such as `/taiga/config/database/host`. A change replaces the key. */
  readonly key: pulumi.Input<string>;
  /** The whole value, as text. A secret stays encrypted in the state. */
  readonly value: pulumi.Input<string>;
  /** Takes over a key that exists with another value; without it, that is an error. Default: false. */
  readonly adopt?: boolean;
}

/**
 * A key of etcd's v3 store. Created only if absent (or already equal), written and deleted only if nobody else has
 * changed it in between; `pulumi refresh` shows what somebody has.
 */
export class Key extends DynamicResource {
  declare readonly key: pulumi.Output<string>;
  declare readonly value: pulumi.Output<string>;
  /** etcd's mod revision of the value. */
  declare readonly revision: pulumi.Output<string>;

  constructor(name: string, args: KeyArgs, options?: pulumi.CustomResourceOptions) {
    super("key", "etcd:Key", name, { revision: undefined, ...args }, mergeOptions(namedOnce, options));
  }
}
