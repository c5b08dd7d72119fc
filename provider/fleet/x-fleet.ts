import { closest } from "./closest";
import type { UnitOption } from "./unit-file";

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

/** Checks an [X-Fleet] section. @returns every problem, with its line. */
export function checkRequirements(options: readonly Requirement[]): { line: number; problem: string }[] {
  const problems: { line: number; problem: string }[] = [];
  const complain = ({ line }: Requirement, problem: string) => problems.push({ line, problem });
  for (const option of options) {
    const name = canonical(option.name);
    const written = `${option.name}=${option.value}`;
    if (!name) {
      const meant = closest(option.name, known);
      const remedy =
        instead[option.name] ?? (meant ? `did you mean ${meant}?` : `write one of ${known.join(", ")}`);
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
    }
  }
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
      if (valuesOf(conflict.value).some((glob) => matches(glob, peer)))
        complain(
          conflict,
          `Conflicts=${conflict.value} matches MachineOf=${peer}; a unit cannot both share and shun it`,
        );
    }
  }
  return problems;
}

/** Whether a unit runs on every machine. The last line wins, as in fleet. */
export const isGlobalSection = (options: readonly Omit<Requirement, "line">[]): boolean =>
  options
    .filter(({ name }) => name === "Global")
    .at(-1)
    ?.value.toLowerCase() === "true";

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

/** The units that a unit must share its machine with, specifiers as they are. */
export const company = (options: readonly UnitOption[]): string[] =>
  options
    .filter(({ section, name }) => section === "X-Fleet" && canonical(name) === "MachineOf")
    .flatMap(({ value }) => valuesOf(value));

const canonical = (name: string): Known | undefined => known.find((each) => each === name) ?? aliases[name];

/** A Global that is not in force excludes nothing. */
const ofKind = (options: readonly Requirement[], kind: Known): readonly Requirement[] =>
  kind === "Global" && !isGlobalSection(options)
    ? []
    : options.filter(({ name, value }) => canonical(name) === kind && value !== "");

/** Several values stand on one line only in quotes: `"a=b" "c=d"`. Otherwise the whole line is one. */
const valuesOf = (line: string): readonly string[] =>
  /^".*"$/s.test(line) ? [...line.matchAll(/"([^"]*)"/g)].map(([, value]) => value as string) : [line];

/** fleet splits at every `=` and wants two parts; blanks would never match a machine's. */
const isPair = (text: string): boolean => /^[^\s=]+=[^\s=]+$/.test(text);

const quoted = (text: string): string =>
  text
    .replaceAll('"', "")
    .trim()
    .split(/\s+/)
    .map((pair) => `"${pair}"`)
    .join(" ");

/** A glob as Go's path.Match has it: `*`, `?` and `[...]`, none of them over a slash. */
function matches(glob: string, name: string): boolean {
  const pattern = glob.replace(/\[\^?[^\]]+\]|[\s\S]/g, (part) => {
    if (part.length > 1) return part.replaceAll("\\", "\\\\");
    return part === "*" ? "[^/]*" : part === "?" ? "[^/]" : part.replace(/[.*+?^${}()|[\]\\]/, "\\$&");
  });
  return new RegExp(`^${pattern}$`).test(name);
}
