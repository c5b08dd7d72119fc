import type * as pulumi from "@pulumi/pulumi";
import { mergeOptions } from "@pulumi/pulumi/resource";
import type { DesiredState } from "../clients/fleet";
import { DynamicResource } from "../dynamic";
import { namedOnce } from "../named";

export interface UnitArgs {
  /** The unit's name in fleet, such as `taiga-back@1.service`; an instance, since fleet does not expand templates. */
  readonly name: string;
  /** The text of the unit file, parsed and checked before anything is sent. */
  readonly content: pulumi.Input<string>;
  /** Default: launched. */
  readonly desiredState?: DesiredState;
  /** The file the content comes from, named in errors with the line. */
  readonly file?: string;
  /**
   * Replaces a unit that is in fleet under this name with other options, one instance of a template after another; without
   * it, that is an error. One with the same options is taken over as it is, always. Default: false.
   */
  readonly adopt?: boolean;
}

/** A unit in fleet. A changed file is rolled through the instances of a template one after another. */
export class Unit extends DynamicResource {
  constructor(name: string, args: UnitArgs, options?: pulumi.CustomResourceOptions) {
    super(
      "unit",
      "fleet:Unit",
      name,
      { desiredState: "launched", ...args },
      mergeOptions(namedOnce, options),
    );
  }
}
