import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";

export interface ReadinessArgs {
  readonly machines: readonly { readonly name: string; readonly address: string }[];
  /** Changes with any machine; the gate then waits again. */
  readonly revision: pulumi.Input<string>;
}

/** A gate: every etcd member healthy, every machine in fleet, every subnet leased, Docker running on it. Reports who lacks what while it waits. */
export class Readiness extends DynamicResource {
  constructor(name: string, args: ReadinessArgs, options?: pulumi.CustomResourceOptions) {
    super("readiness", "cluster:Readiness", name, { ...args }, options);
  }
}
