import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";

export interface RolloutArgs {
  /** Names of units in fleet. A global unit must be up on every machine. */
  readonly units: readonly string[];
  /** A digest of what the units are made of; when it changes the gate waits again. */
  readonly revision: pulumi.Input<string>;
  /** Default: 1800; emulated machines start a container in half a minute, and the broker in five. */
  readonly timeoutSeconds?: number;
}

/** A gate: is there once every unit is active. What comes after depends on it, and units are launched together before it. */
export class Rollout extends DynamicResource {
  constructor(name: string, args: RolloutArgs, options?: pulumi.CustomResourceOptions) {
    super("rollout", "fleet:Rollout", name, { timeoutSeconds: 1800, ...args }, options);
  }
}
