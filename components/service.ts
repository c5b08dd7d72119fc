import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { fleet } from "../provider";
import { readOptions } from "../provider/fleet/unit-file";
import { company } from "../provider/fleet/x-fleet";
import { digest } from "./digest";
import { unitFileProblems, unitsFolder } from "./unit-files";

export interface ServiceArgs {
  /** Unit files in units/, without `.service`; a template (`taiga-back@`) is started once for each instance. */
  readonly units: readonly string[];
  /** How many instances of each template. A change previews the added or removed ones, and the gate. Default: 1. */
  readonly instances?: number;
  /** Container images to run in place of those that the unit files name. @example { "taiga/back:rehearsal": "host/taiga/back:6.10.2" } */
  readonly images?: Readonly<Record<string, string>>;
  /** Folder of the unit files. Default: units/. */
  readonly folder?: string;
  /** Replaces units that are in fleet under these names with other options. Default: false. */
  readonly adopt?: boolean;
  /** How long the gate waits for all to be active. Default: 1800. */
  readonly timeoutSeconds?: number;
}

interface ServiceUnit {
  readonly unit: string;
  readonly content: string;
  readonly file: string;
}

/**
 * One service: its units and their sidekicks, launched together, and a gate that is passed when all are active. A sidekick is
 * known by `MachineOf=`; it is taken away before the unit it goes with, so that nobody is sent to an instance that is leaving.
 */
export class Service extends pulumi.ComponentResource {
  readonly rollout: fleet.Rollout;
  /** Launched, but maybe not active yet: a service that can wait for this one by itself comes after these, not after the gate. */
  readonly units: readonly fleet.Unit[];

  constructor(name: string, args: ServiceArgs, options?: pulumi.ComponentResourceOptions) {
    // What a service comes after is said by its units that are no sidekicks; the others come after those, and the gate after all.
    const { dependsOn: after = [], ...own } = options ?? {};
    super("taiga:fleet:Service", name, {}, own);
    const within = { parent: this, ...(own.deletedWith && { deletedWith: own.deletedWith }) };
    const units = unitsOf(name, args);
    const names = units.map(({ unit }) => unit);
    const made = new Map<string, fleet.Unit>();
    const make = (
      { unit, content, file }: ServiceUnit,
      dependsOn: NonNullable<pulumi.ResourceOptions["dependsOn"]>,
    ) =>
      made.set(
        unit,
        new fleet.Unit(
          unit,
          { name: unit, content, file, ...(args.adopt && { adopt: true }) },
          { ...within, dependsOn },
        ),
      );
    const isSidekick = (each: ServiceUnit) => peersOf(each).some((peer) => names.includes(peer));
    for (const each of units.filter((one) => !isSidekick(one))) make(each, after);
    for (const each of units.filter(isSidekick)) {
      const peers = peersOf(each).flatMap((peer) => made.get(peer) ?? []);
      make(each, peers.length > 0 ? peers : after);
    }
    this.units = [...made.values()];
    this.rollout = new fleet.Rollout(
      name,
      {
        units: names,
        revision: digest(JSON.stringify(units)),
        ...(args.timeoutSeconds !== undefined && { timeoutSeconds: args.timeoutSeconds }),
      },
      { ...within, dependsOn: units.length > 0 ? [...this.units] : after },
    );
    this.registerOutputs({ units: names });
  }
}

/** @throws pulumi.RunError with everything wrong with the unit files, before a unit is declared. */
function unitsOf(name: string, args: ServiceArgs): ServiceUnit[] {
  const count = args.instances ?? 1;
  if (!Number.isInteger(count) || count < 0)
    throw new pulumi.RunError(
      `service ${name}: instances: ${count} is no number of instances; write 0, 1, 2, …`,
    );
  const folder = args.folder ?? unitsFolder;
  const problems: string[] = [];
  const units = args.units.flatMap((file) => {
    const path = join(folder, `${file}.service`);
    const content = withImages(contentOf(name, path), args.images ?? {});
    problems.push(...unitFileProblems(path, () => content));
    const instances = file.endsWith("@")
      ? Array.from({ length: count }, (_, index) => `${file}${index + 1}.service`)
      : [`${file}.service`];
    return instances.map((unit) => ({ unit, content, file: `units/${file}.service` }));
  });
  if (problems.length > 0) throw new pulumi.RunError(problems.join("\n"));
  return units;
}

function contentOf(service: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new pulumi.RunError(
      `service ${service}: units: ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); ` +
        "write the name of a file in that folder, without .service",
    );
  }
}

/** An image's name is a word of its own, as `docker run` wants it. */
const withImages = (content: string, images: Readonly<Record<string, string>>): string =>
  content.replace(/(?<=\s)\S+\/\S+:\S+(?=\s)/g, (word) => images[word] ?? word);

const peersOf = ({ unit, content }: ServiceUnit): string[] => company(unit, readOptions(content));
