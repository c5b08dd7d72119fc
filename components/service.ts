import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { fleet } from "../provider";
import { digest } from "./digest";

export interface ServiceArgs {
  /** Unit files in units/, without `.service`; a template (`taiga-back@`) is started once for each instance. */
  readonly units: readonly string[];
  /** How many instances of each template. Default: 1. */
  readonly instances?: number;
  /** Folder of the unit files. Default: units/. */
  readonly folder?: string;
}

const unitsFolder = join(__dirname, "../units");

/** One service: its units and their sidekicks, launched together, and a gate that is passed when all are active. */
export class Service extends pulumi.ComponentResource {
  readonly rollout: fleet.Rollout;

  constructor(name: string, args: ServiceArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:fleet:Service", name, {}, options);
    const units = args.units.flatMap((file) => {
      const content = readFileSync(join(args.folder ?? unitsFolder, `${file}.service`), "utf8");
      const instances = file.endsWith("@")
        ? Array.from({ length: args.instances ?? 1 }, (_, index) => `${file}${index + 1}.service`)
        : [`${file}.service`];
      return instances.map((unit) => ({ unit, content, file: `units/${file}.service` }));
    });
    const resources = units.map(
      ({ unit, content, file }) =>
        new fleet.Unit(unit, { name: unit, content, file }, inherited(this, options)),
    );
    this.rollout = new fleet.Rollout(
      name,
      { units: units.map(({ unit }) => unit), revision: digest(JSON.stringify(units)) },
      { ...inherited(this, options), dependsOn: resources },
    );
    this.registerOutputs({ units: units.map(({ unit }) => unit) });
  }
}

/** Components hand on neither `deletedWith` nor `dependsOn`; what is in fleet goes with the cluster it is in. */
function inherited(
  parent: pulumi.Resource,
  options?: pulumi.ComponentResourceOptions,
): pulumi.CustomResourceOptions {
  return {
    parent,
    ...(options?.deletedWith ? { deletedWith: options.deletedWith } : {}),
    ...(options?.dependsOn ? { dependsOn: options.dependsOn } : {}),
  };
}
