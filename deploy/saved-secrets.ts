import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Backend, root, stateDir } from "./environment";
import { onPath } from "./host-packages";
import { run } from "./run";
import { project, readStackFile, stackFile } from "./stack-file";
import { writeWhole } from "./whole-file";

/** What a stack's file must not lose: without it nothing that the stack has encrypted, or made, can be used. */
export interface SavedSecrets {
  readonly encryptionsalt: string;
  /** Encrypted, as in the file. */
  readonly credentials: { readonly secure: string };
  /** The place on this host, where the stack did not get the one that is its default. */
  readonly prefix?: string;
  readonly network?: string;
}

const path = (stack: string): string => join(stateDir, `${stack}.secrets.json`);

/**
 * A stack file in git is shared by clones, each with its own passphrase: git is told to leave the salt and the
 * encrypted credentials out. Only for the local backend; with a shared one they belong in the file.
 */
export async function keepSecretsOutOfGit(log: string): Promise<void> {
  if (!existsSync(join(root, ".git")) || !onPath("git")) return;
  await run("git", ["config", "filter.taiga-stack.clean", "node deploy/stack-file-filter.cjs"], {
    cwd: root,
    log,
  });
}

/** Keeps a copy beside the state, because a checkout of the file would lose them. */
export function saveSecrets(stack: string): void {
  const { encryptionsalt, config } = readStackFile(stack);
  const { "taiga:credentials": credentials, "taiga:prefix": prefix, "taiga:network": network } = config ?? {};
  const saved = JSON.stringify({ encryptionsalt, credentials, prefix, network });
  if (!existsSync(path(stack)) || readFileSync(path(stack), "utf8") !== saved)
    writeWhole(path(stack), saved, { mode: 0o600 });
}

/** Puts the copy back where the file has lost its salt or its credentials and the stack is still there. */
export function restoreSecrets(stack: string, backend: Backend): void {
  const { encryptionsalt, config } = readStackFile(stack);
  if (!existsSync(path(stack)) || (encryptionsalt && config?.["taiga:credentials"])) return;
  // A stack that was removed took its salt along.
  if (!existsSync(join(backend.directory as string, ".pulumi/stacks", project, `${stack}.json`))) return;
  const saved = JSON.parse(readFileSync(path(stack), "utf8")) as SavedSecrets;
  const text = existsSync(stackFile(stack)) ? readFileSync(stackFile(stack), "utf8") : "";
  writeWhole(stackFile(stack), withSecrets(text, saved));
}

/**
 * The text of a stack file with salt and credentials put back, and its place where it has no prefix, everything else as it was. A salt
 * that Pulumi made for a file without one gives way, and so does the network of a stack that had to take another.
 * @throws Error where a value was encrypted with that other salt: it cannot be read with this one
 */
export function withSecrets(text: string, { encryptionsalt, credentials, ...place }: SavedSecrets): string {
  const other = /^encryptionsalt: *(.*)\n?/m.exec(text)?.[1]?.trim();
  const bare = text
    .replace(/^encryptionsalt:.*\n?/m, "")
    .replace(/^ {2}taiga:credentials:\n {4}secure:.*\n?/m, "");
  if (other && other !== encryptionsalt && /\bsecure:/.test(bare))
    throw new Error(
      "the stack's file has lost its salt and got another since, with which some of its values are encrypted. " +
        "Take out what has `secure:`, run this again, and set it anew: pulumi config set --secret KEY",
    );
  const movedTo = place.prefix && !/^ +taiga:prefix:/m.test(bare) ? place : {};
  const unplaced = movedTo.network ? bare.replace(/^ +taiga:network:.*\n?/m, "") : bare;
  const placed = Object.entries(movedTo).map(([key, value]) => `  taiga:${key}: ${value}\n`);
  const secure = `  taiga:credentials:\n    secure: ${credentials.secure}\n${placed.join("")}`;
  const body = /^config:[ \t]*(\{\})?[ \t]*$/m.test(unplaced)
    ? unplaced.replace(/^config:.*\n?/m, `config:\n${secure}`)
    : `${unplaced}${unplaced && !unplaced.endsWith("\n") ? "\n" : ""}config:\n${secure}`;
  return `encryptionsalt: ${encryptionsalt}\n${body}`;
}
