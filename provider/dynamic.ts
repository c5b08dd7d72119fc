import * as pulumi from "@pulumi/pulumi";

/** The modules of provider/entry, by which the state finds the code of a kind. */
export type Entry = "key" | "membership" | "readiness" | "rollout" | "unit";

/**
 * A resource of the engine's dynamic provider, as pulumi.dynamic.Resource is one, whose stored code is written here rather
 * than serialised from a closure: 58 characters instead of 257, kept twice for each resource in a state that is written
 * anew at each step, and nothing to analyse when the program starts.
 * `__provider` and the type's first part are the contract of the SDK's cmd/dynamic-provider.
 */
export class DynamicResource extends pulumi.CustomResource {
  constructor(
    entry: Entry,
    type: `${string}:${string}`,
    name: string,
    props: pulumi.Inputs,
    options?: pulumi.CustomResourceOptions,
  ) {
    const __provider = `exports.handler=()=>require("taiga-provider/${entry}.cjs")`;
    super(`pulumi-nodejs:dynamic/${type}`, name, { ...props, __provider }, options);
  }
}
