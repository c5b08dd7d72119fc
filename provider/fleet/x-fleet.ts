import { closest } from "./closest";
import { isGlob, matchesGlob } from "./glob";
import type { UnitOption } from "./unit-file";
import { expandSpecifiers, parseUnitName, unitTypes } from "./unit-name";

/** What fleet 0.11.8 schedules by (its job/job.go). It accepts any other option in silence, so we do not. */
const known = ["MachineID", "MachineOf", "MachineMetadata", "Conflicts", "Global"] as const;
type Known = (typeof known)[number];

/** Names from before fleet 0.8, which it still reads. */
const aliases: Readonly<Record<string, Known>> = {
  "X-ConditionMachineID": "MachineID",
  "X-ConditionMachineOf": "MachineOf",
  "X-ConditionMachineMetadata": "MachineMetadata",
  "X-Conflicts": "Conflicts",
};
const instead: Readonly<Record<string, string>> = {
  Replaces: "it came with fleet 1.0, and 0.11.8 ignores it; take the line out",
  "X-ConditionMachineBootID": "machines are told apart by their machine-id; write MachineID=",
};

/** Pairs fleet refuses (its api/units.go). */
const exclusive: readonly (readonly [Known, Known])[] = [
  ["MachineID", "MachineOf"],
  ["MachineID", "Conflicts"],
  ["MachineID", "Global"],
  ["Global", "MachineOf"],
  ["Global", "Conflicts"],
];

/** An option of the section, with the line it stands on. */
export interface Requirement {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/**
 * Checks an [X-Fleet] section.
 * @param unit the unit's name, by which specifiers are filled, where it is known.
 * @returns every problem, with its line.
 */
export function checkRequirements(
  options: readonly Requirement[],
  unit?: string,
): { line: number; problem: string }[] {
  const problems: { line: number; problem: string }[] = [];
  const complain = ({ line }: Requirement, problem: string) => problems.push({ line, problem });
  for (const option of options) {
    const name = canonical(option.name);
    const written = `${option.name}=${option.value}`;
    if (!name) {
      const meant = closest(option.name, known);
      const remedy =
        (Object.hasOwn(instead, option.name) ? instead[option.name] : undefined) ??
        (meant ? `did you mean ${meant}?` : `write one of ${known.join(", ")}`);
      complain(option, `${option.name} is no option of [X-Fleet]: ${remedy}`);
    } else if (option.value === "") {
      complain(option, `${written} has no value; give it one, or take the line out`);
    } else if (name === "Global" && !/^(true|false)$/i.test(option.value)) {
      complain(option, `${written}: fleet takes all but true for false; write Global=true or Global=false`);
    } else if (name === "MachineMetadata" && !valuesOf(option.value).every(isPair)) {
      complain(
        option,
        `${written}: fleet ignores what is not key=value; write ${
          /\s/.test(option.value)
            ? `each pair in quotes: MachineMetadata=${quoted(option.value)}`
            : "such as MachineMetadata=index=1"
        }`,
      );
    } else if (name !== "Global" && name !== "MachineMetadata") {
      const problem = nameProblem(name, option, unit);
      if (problem !== undefined) complain(option, `${written}: ${problem}`);
    }
  }
  for (const second of ofKind(options, "MachineID").slice(1))
    complain(
      second,
      `${second.name}=${second.value} is the second, and fleet takes the first alone; take one of the two out`,
    );
  for (const [one, other] of exclusive) {
    const [a, b] = [ofKind(options, one)[0], ofKind(options, other)[0]];
    if (!a || !b) continue;
    const [line, earlier] = a.line > b.line ? [a.line, b.line] : [b.line, a.line];
    problems.push({
      line,
      problem: `${one} and ${other} (line ${earlier}) cannot stand together in [X-Fleet]; take one of the two out`,
    });
  }
  for (const conflict of ofKind(options, "Conflicts")) {
    for (const peer of ofKind(options, "MachineOf").flatMap(({ value }) => valuesOf(value))) {
      if (valuesOf(conflict.value).some((glob) => matchesGlob(glob, peer)))
        complain(
          conflict,
          `Conflicts=${conflict.value} matches MachineOf=${peer}; a unit cannot both share and shun it`,
        );
    }
  }
  return problems;
}

/** What fleet would pass over in silence in an option that names machines or units, and what to write instead. */
function nameProblem(kind: Known, { name, value }: Requirement, unit?: string): string | undefined {
  const values = valuesOf(value);
  if (values.some((each) => each === "" || /[\s"]/.test(each)))
    return `fleet takes ${JSON.stringify(values.find((each) => each === "" || /[\s"]/.test(each)))} for one name; write each in quotes, one blank between: ${name}=${quoted(value)}`;
  const unknown = /%(?![nNpi])./.exec(value)?.[0];
  if (unknown !== undefined)
    return `fleet fills %n, %N, %p and %i alone, not ${unknown}; write one of them, or the name`;
  // A template's own name is filled when there is an instance.
  if (unit !== undefined && value.includes("%i") && parseUnitName(unit)?.instance === undefined)
    return `%i is empty, since ${unit} is no instance; write the name`;
  const bare = values.find((each) => !unitTypes.some((type) => each.endsWith(`.${type}`)));
  if (kind === "MachineOf" && bare !== undefined && !/%[nN]$/.test(bare))
    return `no unit is called ${bare}; write its whole name, such as ${bare}.service`;
  const broken = values.find((each) => !isGlob(each));
  if (kind === "Conflicts" && broken !== undefined)
    return `${broken} is no glob, and matches nothing; write *, ? and [a-z], each bracket closed`;
  return undefined;
}

/** Whether a unit runs on every machine. The last value wins, as in fleet. */
export const isGlobalSection = (options: readonly Omit<Requirement, "line">[]): boolean =>
  options
    .filter(({ name }) => name === "Global")
    .flatMap(({ value }) => valuesOf(value))
    .at(-1)
    ?.toLowerCase() === "true";

/** The metadata a machine must have: for each key, one of the values. */
export function requiredMetadata(
  options: readonly Omit<Requirement, "line">[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const wanted = new Map<string, Set<string>>();
  for (const { name, value } of options) {
    if (canonical(name) !== "MachineMetadata") continue;
    for (const pair of valuesOf(value).filter(isPair)) {
      const [key, one] = pair.split("=") as [string, string];
      wanted.set(key, (wanted.get(key) ?? new Set()).add(one));
    }
  }
  return wanted;
}

/** The units that a unit must share its machine with. */
export const company = (unit: string, options: readonly UnitOption[]): string[] =>
  given(options, "MachineOf")
    .flatMap(valuesOf)
    .map((peer) => expandSpecifiers(peer, unit));

/** What a unit says that the id of its machine begins with. */
export const machineIds = (options: readonly UnitOption[]): string[] => given(options, "MachineID");

const given = (options: readonly UnitOption[], kind: Known): string[] =>
  options
    .filter(({ section, name }) => section === "X-Fleet" && canonical(name) === kind)
    .map(({ value }) => value);

const canonical = (name: string): Known | undefined =>
  known.find((each) => each === name) ?? (Object.hasOwn(aliases, name) ? aliases[name] : undefined);

/** A Global that is not in force excludes nothing. */
const ofKind = (options: readonly Requirement[], kind: Known): readonly Requirement[] =>
  kind === "Global" && !isGlobalSection(options)
    ? []
    : options.filter(({ name, value }) => canonical(name) === kind && value !== "");

/**
 * A line that begins and ends with a quote has several values: `"a=b" "c=d"`. One blank parts them, and quotes are only taken
 * off, as in fleet's unit/unit.go: `"a""b"` is ab, and two blanks have an empty value between them. Any other line is one.
 */
export function valuesOf(line: string): readonly string[] {
  if (!line.startsWith('"') || !line.endsWith('"')) return [line];
  const values: string[] = [];
  let value = "";
  let quotes = false;
  for (const letter of line) {
    if (letter === '"') quotes = !quotes;
    else if (letter === " " && !quotes) {
      values.push(value);
      value = "";
    } else value += letter;
  }
  return [...values, value];
}

/** fleet splits at every `=` and wants two parts; blanks would never match a machine's. */
const isPair = (text: string): boolean => /^[^\s=]+=[^\s=]+$/.test(text);

const quoted = (text: string): string =>
  text
    .replaceAll('"', "")
    .trim()
    .split(/\s+/)
    .map((pair) => `"${pair}"`)
    .join(" ");
