import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";
import type { Makeup } from "./makeup";

export interface ConfigurationArgs {
  /** Begins the names of all machines. */
  readonly prefix: string;
  /** Names of the machines: a preview says what a change of them will do, in order. */
  readonly machines: readonly string[];
  /** Whether their data volumes are protected. */
  readonly protectData: boolean;
  /** What each machine is made of: a preview says who is replaced for a change of it, and whose disk grows. */
  readonly makeup: Readonly<Record<string, pulumi.Input<Makeup>>>;
}

/**
 * Comes before everything else of a cluster, so that the engine configures the dynamic resources' provider before the
 * first machine goes. A stack whose configuration has changed gets a new provider when its first dynamic resource is
 * registered, and the engine then closes the old one: the replacements that were waiting their turn in it would fail.
 */
export class Configuration extends DynamicResource {
  constructor(name: string, args: ConfigurationArgs, options?: pulumi.CustomResourceOptions) {
    super("configuration", "cluster:Configuration", name, { ...args }, options);
  }
}
