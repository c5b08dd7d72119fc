import { closest } from "./closest";
import { parseUnitName, type UnitType } from "./unit-name";
import { checkRequirements, isGlobalSection } from "./x-fleet";

/** One option of a unit file, as fleet's API carries it. */
export interface UnitOption {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

interface Located extends UnitOption {
  readonly line: number;
}

/** Everything that is wrong with a unit file; each problem starts with `file:line`. */
export class UnitFileError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** The section a unit of a type has to itself. A device has none. */
const ownSections: Readonly<Record<UnitType, string | undefined>> = {
  service: "Service",
  socket: "Socket",
  mount: "Mount",
  automount: "Automount",
  timer: "Timer",
  path: "Path",
  device: undefined,
};
const sections = [
  "Unit",
  "Install",
  "X-Fleet",
  ...Object.values(ownSections).filter((name) => name !== undefined),
];

/** Collects problems with the place they are at. */
class Problems {
  readonly #found: { line: number; text: string }[] = [];

  constructor(private readonly file: string) {}

  at(line: number, problem: string): void {
    this.#found.push({ line, text: `${this.file}:${line}: ${problem}` });
  }

  get areThere(): boolean {
    return this.#found.length > 0;
  }

  throwIfAny(): void {
    if (!this.areThere) return;
    throw new UnitFileError(this.#found.sort((one, other) => one.line - other.line).map(({ text }) => text));
  }
}

/**
 * Reads a unit file as fleet 0.11.8 does (the go-systemd it carries): comments, sections, options that may repeat, an
 * empty value that resets a list, lines that a backslash continues. Where fleet and systemd would read a line in two ways,
 * or fleet would pass over a mistake in silence, the file is refused.
 * @param file named in errors, with the line.
 * @param name the unit's; when given, the sections must be those of its type.
 * @throws UnitFileError with every problem found.
 */
export function parseUnitFile(text: string, file: string, name?: string): UnitOption[] {
  const problems = new Problems(file);
  const { options, headers } = read(text, problems);
  checkSections(headers, options, problems, name === undefined ? undefined : parseUnitName(name)?.type);
  const requirements = options.filter(({ section }) => section === "X-Fleet");
  for (const { line, problem } of checkRequirements(requirements, name)) problems.at(line, problem);
  problems.throwIfAny();
  return options.map(({ line: _, ...option }) => option);
}

/** The options of a text that need not be right, such as what somebody else gave to fleet. */
export const readOptions = (text: string): UnitOption[] =>
  read(text, new Problems("")).options.map(({ line: _, ...option }) => option);

interface Header {
  readonly section: string;
  readonly line: number;
}

const isComment = (line: string): boolean => /^\s*[#;]/.test(line);

function read(text: string, problems: Problems): { options: Located[]; headers: Header[] } {
  const options: Located[] = [];
  const headers: Header[] = [];
  const lines = text.split(/\r?\n/);
  const endings = text.match(/\r?\n/g) ?? [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = at + 1;
    let content = lines[at] as string;
    if (content.trim() === "") continue;
    if (isComment(content)) {
      if (/\\\s*$/.test(content))
        problems.at(line, "the comment ends in a backslash, so fleet skips the next line too; take it off");
      continue;
    }
    if (content.trimStart().startsWith("[")) {
      const section = /^\[([^[\]]+)\]$/.exec(content.trim())?.[1];
      if (section) headers.push({ section, line });
      else
        problems.at(line, `${shown(content)} is no section; write it alone on its line, such as [Service]`);
      continue;
    }
    while (content.endsWith("\\")) {
      const next = lines[at + 1];
      if (endings[at] === "\r\n") {
        problems.at(at + 1, "ends in CR LF, so that fleet does not see its backslash; save the file with LF");
      }
      if (next === undefined || next.trim() === "") {
        problems.at(
          at + 1,
          "ends in a backslash, but nothing follows to continue it; take the backslash off",
        );
      } else if (isComment(next)) {
        problems.at(at + 2, "fleet takes this comment for a part of the line it is in; move it above");
      } else if (/^\s*\[[^\]]+\]\s*$/.test(next)) {
        problems.at(at + 1, `ends in a backslash and swallows ${next.trim()}; take the backslash off`);
      }
      content = `${content.slice(0, -1)} ${next ?? ""}`;
      at += 1;
    }
    if (/\\\s+$/.test(content))
      problems.at(at + 1, "has blanks after its last backslash, so it continues nothing; take them off");
    const assignment = /^\s*([^=]*?)\s*=(.*)$/s.exec(content);
    const section = headers.at(-1)?.section;
    if (!assignment?.[1] || /\s/.test(assignment[1])) {
      problems.at(line, `${shown(content)} is no assignment; write Option=value, or # before a comment`);
    } else if (section === undefined) {
      problems.at(line, `${shown(content)} stands before any section; write [Unit] or [Service] above it`);
    } else {
      options.push({ section, name: assignment[1], value: (assignment[2] as string).trim(), line });
    }
  }
  return { options, headers };
}

function checkSections(
  headers: readonly Header[],
  options: readonly Located[],
  problems: Problems,
  type?: UnitType,
): void {
  for (const { section, line } of headers) {
    // systemd leaves other X- sections to whom they are for.
    if (sections.includes(section) || (section.startsWith("X-") && !closest(section, ["X-Fleet"]))) {
      const own = type && ownSections[type];
      if (type && Object.values(ownSections).includes(section) && section !== own)
        problems.at(line, `[${section}] has no place in a .${type}; write ${own ? `[${own}]` : "[Unit]"}`);
      continue;
    }
    const meant = closest(section, sections);
    problems.at(
      line,
      `systemd knows no section [${section}]: ${meant ? `did you mean [${meant}]?` : `write one of [${sections.join("], [")}]`}`,
    );
  }
  if (options.length === 0) problems.at(1, "has no options; write a [Service] section with ExecStart=");
  // What a line that cannot be read leaves out is no mistake of its own.
  else if (type === "service" && !problems.areThere) checkService(options, problems);
}

/** What systemd refuses to load: a service that starts nothing, or several things without being oneshot. */
function checkService(options: readonly Located[], problems: Problems): void {
  const service = options.filter(({ section }) => section === "Service");
  const starts = inForce(service.filter(({ name }) => name === "ExecStart"));
  const type = service.filter(({ name }) => name === "Type").at(-1)?.value;
  const second = starts[1];
  if (second && type !== "oneshot") {
    problems.at(
      second.line,
      `ExecStart=${second.value} is the second, and only Type=oneshot may have more than one; write ExecStartPre= or Type=oneshot`,
    );
  }
  if (starts.length === 0 && !service.some(({ name }) => name === "ExecStop" || name === "SuccessAction")) {
    problems.at(service[0]?.line ?? 1, "starts nothing; write ExecStart= with a command under [Service]");
  }
}

/** What is left of a list after the empty assignments that reset it. */
function inForce(list: readonly Located[]): readonly Located[] {
  return list.slice(list.map(({ value }) => value).lastIndexOf("") + 1);
}

const longestShown = 80;

function shown(text: string): string {
  const whole = text.trim();
  return JSON.stringify(whole.length > longestShown ? `${whole.slice(0, longestShown)}…` : whole);
}

export const isGlobal = (options: readonly UnitOption[]): boolean =>
  isGlobalSection(options.filter(({ section }) => section === "X-Fleet"));

/** Writes options as a unit file again, as `fleetctl cat` shows it. */
export function formatUnitFile(options: readonly UnitOption[]): string {
  let text = "";
  let current: string | undefined;
  for (const { section, name, value } of options) {
    if (section !== current) text += `${current === undefined ? "" : "\n"}[${section}]\n`;
    current = section;
    text += `${name}=${value}\n`;
  }
  return text;
}
