import { randomBytes } from "node:crypto";
import type { Machine, SshPool } from "../clients/ssh";

export interface File {
  readonly content: string;
  /** Octal, as chmod takes it. */
  readonly mode: string;
}

/**
 * Writes files as root, each all of it or not at all, in one call: an emulated machine needs a second for each. The
 * script goes over standard input, so that no content is an argument, which every user of the machine could read.
 */
export async function writeFiles(
  ssh: SshPool,
  machine: Machine,
  files: Readonly<Record<string, File>>,
): Promise<void> {
  const end = `end-${randomBytes(12).toString("hex")}`;
  const script = Object.entries(files).map(([path, { content, mode }]) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    return [
      `mkdir -p ${folder}`,
      `cat >${path}.new <<'${end}'\n${content.replace(/\n$/, "")}\n${end}`,
      `chmod ${mode} ${path}.new`,
      `mv ${path}.new ${path}`,
    ].join("\n");
  });
  await ssh.succeed(machine, "sudo sh -s", { input: `set -e\numask 077\n${script.join("\n")}\nsync\n` });
}

/** Reads files as root in one call; what is not there is left out. */
export async function readFiles<Path extends string>(
  ssh: SshPool,
  machine: Machine,
  paths: readonly Path[],
): Promise<Partial<Record<Path, string>>> {
  const mark = `file-${randomBytes(12).toString("hex")}`;
  const commands = paths.map((path) => `[ ! -s ${path} ] || { echo ${mark} ${path}; cat ${path}; }`);
  const printed = await ssh.succeed(machine, "sudo sh -s", { input: `set -e\n${commands.join("\n")}\n` });
  const found: Partial<Record<Path, string>> = {};
  for (const part of printed.split(`${mark} `).slice(1)) {
    const line = part.indexOf("\n");
    found[part.slice(0, line) as Path] = part.slice(line + 1);
  }
  return found;
}
