import type * as pulumi from "@pulumi/pulumi";
import { mergeOptions } from "@pulumi/pulumi/resource";
import { DynamicResource } from "../dynamic";
import { namedOnce } from "../named";

export interface PrefixArgs {
  /** Absolute path that all keys begin with, such as `/taiga/config/database`. A change replaces them. */
  readonly prefix: pulumi.Input<string>;
  /**
   * The whole of each key's value, as text, by the rest of its path. A secret stays encrypted in the state.
   * @example { host: "db", "pool/size": "10", password: config.requireSecret("password") }
   * @example readDirectory("config/database")
   */
  readonly values: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>>;
  /** Takes over keys that exist with another value; without it, that is an error. Default: false. */
  readonly adopt?: boolean;
}

/**
 * Many keys of etcd's v3 store as one resource: a map, of which a preview shows each key that is added, changed or removed.
 * Every key is compared and swapped as `etcd.Key` does, all that fit in one transaction (127 keys, 1 MiB) at once. Other keys
 * under the prefix are nobody's business here.
 */
export class Prefix extends DynamicResource {
  declare readonly prefix: pulumi.Output<string>;
  declare readonly values: pulumi.Output<Readonly<Record<string, string>>>;
  /** etcd's mod revision of each value. */
  declare readonly revisions: pulumi.Output<Readonly<Record<string, string>>>;

  constructor(name: string, args: PrefixArgs, options?: pulumi.CustomResourceOptions) {
    super("prefix", "etcd:Prefix", name, { revisions: undefined, ...args }, mergeOptions(namedOnce, options));
  }
}
