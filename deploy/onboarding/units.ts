import type { DesiredState, FleetUnit } from "../../provider/clients/fleet";
import { formatUnitFile, parseUnitFile, readOptions, UnitFileError } from "../../provider/fleet/unit-file";
import { checkUnitName, parseUnitName } from "../../provider/fleet/unit-name";
import { company } from "../../provider/fleet/x-fleet";
import type { LeftOut } from "./keys";

/** A template with its instances, or a unit with its sidekicks: what one `Service` declares. */
export interface FoundService {
  readonly name: string;
  /** Files, without `.service`. */
  readonly units: readonly string[];
  /** Undefined where none of them is a template. */
  readonly instances?: number;
}

export interface FoundUnit {
  readonly name: string;
  readonly file: string;
  readonly desiredState: DesiredState;
}

export interface FoundUnits {
  readonly services: readonly FoundService[];
  readonly units: readonly FoundUnit[];
  /** Text of each unit file, by its name. */
  readonly files: ReadonlyMap<string, string>;
  readonly leftOut: readonly LeftOut[];
}

export interface UnitChoice {
  readonly declared: { readonly units: ReadonlySet<string>; readonly services: ReadonlySet<string> };
  /** Whether a unit is active wherever it should be: a gate over one that is not would wait in vain. */
  readonly isActive: (name: string) => boolean;
}

interface Written extends FoundUnit {
  readonly text: string;
}

/**
 * Unit files for what is in fleet, one a template where its instances are the same, and how they go together. A service is
 * made of instances 1, 2, … N that are launched and active, with their sidekicks; everything else stays single units.
 */
export function groupUnits(found: readonly FleetUnit[], choice: UnitChoice): FoundUnits {
  const leftOut: LeftOut[] = [];
  const texts = new Map<string, string>();
  for (const { name, options } of found) {
    if (choice.declared.units.has(name)) continue;
    const text = formatUnitFile(options);
    const why = problem(name, text, options);
    if (why) leftOut.push({ what: name, why });
    else texts.set(name, text);
  }
  const written = found.flatMap(({ name, desiredState }): Written[] => {
    const text = texts.get(name);
    return text === undefined ? [] : [{ name, desiredState, text, file: fileOf(name, texts) }];
  });
  const groups = together(written);
  const names = new Set(choice.declared.services);
  const services = groups.flatMap((group): FoundService[] => {
    const instances = instancesOf(group);
    const files = [...new Set(group.map(({ file }) => file))];
    const isService =
      (files.length > 1 || instances !== undefined) &&
      group.every(({ name, desiredState }) => desiredState === "launched" && choice.isActive(name)) &&
      files.every((file) => file.endsWith(".service")) &&
      files.every(
        (file) => group.filter((each) => each.file === file).length === (isTemplate(file) ? instances : 1),
      );
    if (!isService) return [];
    const units = files.map((file) => file.slice(0, -".service".length)).sort(bySidekick(group));
    const name = free(units[0]?.replace(/@$/, "") as string, names);
    return [{ name, units, ...(instances !== undefined && { instances }) }];
  });
  const served = new Set(services.flatMap(({ units }) => units.map((unit) => `${unit}.service`)));
  const single = written.filter(({ file }) => !served.has(file));
  return {
    services: services.sort((one, other) => (one.name < other.name ? -1 : 1)),
    units: single
      .map(({ name, file, desiredState }) => ({ name, file, desiredState }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    files: new Map(written.map(({ file, text }) => [file, text])),
    leftOut,
  };
}

/** Why a unit cannot be declared as it is: fleet took what we refuse, or its text would read as other options. */
function problem(name: string, text: string, options: FleetUnit["options"]): string | undefined {
  try {
    checkUnitName(name);
    parseUnitFile(text, name, name);
  } catch (error) {
    return error instanceof UnitFileError ? error.problems.join("; ") : (error as Error).message;
  }
  if (JSON.stringify(readOptions(text)) === JSON.stringify(options)) return undefined;
  return "has options that no unit file can hold, such as a value of several lines";
}

const isTemplate = (file: string): boolean => parseUnitName(file)?.instance === "";

/** The template's file where all of its instances have one text, else the unit's own. */
function fileOf(name: string, texts: ReadonlyMap<string, string>): string {
  const template = parseUnitName(name)?.template;
  if (!template) return name;
  const all = [...texts].filter(([other]) => parseUnitName(other)?.template === template);
  return new Set(all.map(([, text]) => text)).size === 1 ? template : name;
}

/** Units that share a file, or a machine by `MachineOf=`, belong together. */
function together(written: readonly Written[]): Written[][] {
  const groups = new Map(written.map((each) => [each.name, new Set([each])]));
  const join = (one: string, other: string) => {
    const [a, b] = [groups.get(one), groups.get(other)];
    if (!a || !b || a === b) return;
    for (const each of b) groups.set(each.name, a.add(each));
  };
  for (const { name, file, text } of written) {
    for (const other of written) if (other.file === file) join(name, other.name);
    for (const peer of company(name, readOptions(text))) join(name, peer);
  }
  return [...new Set(groups.values())].map((group) => [...group]);
}

/** N where every template's instances are 1, 2, … N; undefined without a template. */
function instancesOf(group: readonly Written[]): number | undefined {
  const instances = group
    .filter(({ file }) => isTemplate(file))
    .map(({ name }) => Number(parseUnitName(name)?.instance));
  if (instances.length === 0) return undefined;
  const count = new Set(instances).size;
  return instances.every((each) => Number.isInteger(each) && each >= 1 && each <= count) ? count : Number.NaN;
}

/** Units before their sidekicks. */
const bySidekick = (group: readonly Written[]) => {
  const shares = (unit: string) =>
    Number(
      group.some(
        ({ name, file, text }) => file === `${unit}.service` && company(name, readOptions(text)).length > 0,
      ),
    );
  return (one: string, other: string) => shares(one) - shares(other) || (one < other ? -1 : 1);
};

function free(name: string, taken: Set<string>): string {
  let found = name;
  for (let next = 2; taken.has(found); next += 1) found = `${name}-${next}`;
  taken.add(found);
  return found;
}
