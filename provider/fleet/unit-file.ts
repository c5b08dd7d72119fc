/** One line of a unit file, as fleet's API carries it. */
export interface UnitOption {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

interface Located extends UnitOption {
  readonly line: number;
}

export class UnitFileError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** The options of the X-Fleet section, as fleet's documentation "Unit files and scheduling" lists them. */
const xFleet = ["MachineID", "MachineOf", "MachineMetadata", "Conflicts", "Global", "Replaces"] as const;
const deprecated: Readonly<Record<string, string>> = {
  "X-ConditionMachineID": "MachineID",
  "X-ConditionMachineBootID": "MachineID",
  "X-ConditionMachineOf": "MachineOf",
  "X-ConditionMachineMetadata": "MachineMetadata",
  "X-Conflicts": "Conflicts",
  ConditionMachineID: "MachineID",
};
/** Pairs that cannot stand together: fleet's own rules. */
const exclusive: readonly (readonly [string, string])[] = [
  ["MachineID", "MachineOf"],
  ["MachineID", "Conflicts"],
  ["MachineID", "Global"],
  ["MachineID", "Replaces"],
  ["Global", "MachineOf"],
  ["Global", "Replaces"],
  ["Conflicts", "Replaces"],
];
const unitName =
  /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.(service|socket|device|mount|automount|timer|path)$/;

/**
 * Reads a unit file by systemd's syntax, as fleet does: comments, sections, options that may repeat, and lines that
 * a backslash continues.
 * @param file named in errors, with the line.
 * @throws UnitFileError with every problem found.
 */
export function parseUnitFile(text: string, file: string): UnitOption[] {
  const problems: string[] = [];
  const options: Located[] = [];
  const lines = text.split(/\r?\n/);
  let section: string | undefined;
  for (let at = 0; at < lines.length; at += 1) {
    const line = at + 1;
    let content = (lines[at] as string).trim();
    if (content === "" || /^[#;]/.test(content)) continue;
    while (content.endsWith("\\") && at + 1 < lines.length) {
      at += 1;
      content = `${content.slice(0, -1)} ${(lines[at] as string).trim()}`;
    }
    const header = /^\[([^[\]]+)\]$/.exec(content);
    if (header) {
      section = header[1];
      continue;
    }
    const assignment = /^([^=\s][^=]*?)\s*=\s*(.*)$/s.exec(content);
    if (!assignment) {
      problems.push(
        `${file}:${line}: ${JSON.stringify(content)} is no assignment; write Option=value, or # before a comment`,
      );
    } else if (section === undefined) {
      problems.push(
        `${file}:${line}: ${JSON.stringify(content)} stands before any section; write [Unit] or [Service] above it`,
      );
    } else {
      options.push({ section, name: assignment[1] as string, value: assignment[2] as string, line });
    }
  }
  problems.push(...check(options, file));
  if (problems.length > 0) throw new UnitFileError(problems);
  return options.map(({ section: of, name, value }) => ({ section: of, name, value }));
}

function check(options: readonly Located[], file: string): string[] {
  const problems: string[] = [];
  const fleetOptions = options.filter((option) => option.section === "X-Fleet");
  for (const { name, value, line } of fleetOptions) {
    const canonical = deprecated[name] ?? name;
    if (!xFleet.includes(canonical as (typeof xFleet)[number])) {
      problems.push(`${file}:${line}: ${name} is no option of [X-Fleet]; write one of ${xFleet.join(", ")}`);
    } else if (value === "") {
      problems.push(`${file}:${line}: ${name} has no value; give it one, or take the line out`);
    } else if (canonical === "Global" && !/^(true|false)$/.test(value)) {
      problems.push(`${file}:${line}: Global=${value}: fleet knows true and false; write Global=true`);
    } else if (
      canonical === "MachineMetadata" &&
      !/^"?[^\s=]+=[^\s=]+"?(\s+"?[^\s=]+=[^\s=]+"?)*$/.test(value)
    ) {
      problems.push(
        `${file}:${line}: MachineMetadata=${value}: write key=value, such as MachineMetadata=index=1`,
      );
    }
  }
  const firsts = new Map<string, Located>();
  for (const option of fleetOptions) {
    const name = deprecated[option.name] ?? option.name;
    const off = name === "Global" && option.value === "false";
    if (!off && !firsts.has(name)) firsts.set(name, option);
  }
  for (const [one, other] of exclusive) {
    const [a, b] = [firsts.get(one), firsts.get(other)];
    if (a && b) {
      problems.push(
        `${file}:${Math.max(a.line, b.line)}: [X-Fleet] ${one} and ${other} cannot stand together; take one of the two out`,
      );
    }
  }
  if (options.length === 0)
    problems.push(`${file}: has no options; write a [Service] section with ExecStart=`);
  return problems;
}

export function isGlobal(options: readonly UnitOption[]): boolean {
  return options.some(
    ({ section, name, value }) => section === "X-Fleet" && name === "Global" && value === "true",
  );
}

/** @throws Error for what is no unit's name, or a template's where an instance is wanted. */
export function checkUnitName(name: string): void {
  if (!unitName.test(name)) {
    throw new Error(
      `${JSON.stringify(name)} is no unit's name; write one such as "taiga-db.service" or "taiga-back@1.service"`,
    );
  }
  if (name.includes("@.")) {
    throw new Error(
      `${JSON.stringify(name)} is a template, which fleet cannot run; name an instance, such as "${name.replace("@.", "@1.")}"`,
    );
  }
}

/** Writes options as a unit file again: what `fleetctl cat` shows. */
export function formatUnitFile(options: readonly UnitOption[]): string {
  const sections = [...new Set(options.map(({ section }) => section))];
  return sections
    .map((section) => {
      const own = options.filter((option) => option.section === section);
      return `[${section}]\n${own.map(({ name, value }) => `${name}=${value}\n`).join("")}`;
    })
    .join("\n");
}
