import * as pulumi from "@pulumi/pulumi";
import type * as dynamic from "@pulumi/pulumi/dynamic";

export interface ConfigurationArgs {
  /** Begins the names of all machines. */
  readonly prefix: string;
}

/**
 * Comes before everything else of a cluster, so that the engine configures the dynamic resources' provider before the
 * first machine goes. A stack whose configuration has changed gets a new provider when its first dynamic resource is
 * registered, and the engine then closes the old one: the replacements that were waiting their turn in it would fail.
 */
export class Configuration extends pulumi.dynamic.Resource {
  constructor(name: string, args: ConfigurationArgs, options?: pulumi.CustomResourceOptions) {
    const provider = require("taiga-provider/configuration.cjs") as dynamic.ResourceProvider;
    super(provider, name, { ...args }, options, "cluster", "Configuration");
  }
}
