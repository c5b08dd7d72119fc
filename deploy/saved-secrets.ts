import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { dump, load } from "js-yaml";
import { type Backend, root, stateDir } from "./environment";
import { onPath } from "./host-packages";
import { run } from "./run";
import { quoted } from "./shell";
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
 * encrypted credentials out, and to refuse the file where the filter cannot run. Only for the local backend; with a
 * shared one they belong in the file.
 */
export async function keepSecretsOutOfGit(log: string, clone = root): Promise<void> {
  if (!existsSync(join(clone, ".git")) || !onPath("git")) return;
  const filter = {
    // The committer's own Node, or else the one that runs here.
    clean: `PATH="$PATH":${quoted(dirname(process.execPath))}; command -v node >/dev/null || { echo "no Node to clean a stack file with; ./deploy.sh brings one" >&2; exit 1; }; node deploy/stack-file-filter.cjs`,
    smudge: "cat", // a required filter without one fails every checkout
    required: "true",
  };
  for (const [key, value] of Object.entries(filter)) {
    const name = `filter.taiga-stack.${key}`;
    const { stdout } = spawnSync("git", ["config", "--local", "--get", name], {
      cwd: clone,
      encoding: "utf8",
    });
    if (stdout.trimEnd() !== value) await run("git", ["config", name, value], { cwd: clone, log });
  }
}

const copyOf = (stack: string): SavedSecrets => {
  const { encryptionsalt, config } = readStackFile(stack);
  const { "taiga:credentials": credentials, "taiga:prefix": prefix, "taiga:network": network } = config ?? {};
  return { encryptionsalt, credentials, prefix, network } as SavedSecrets;
};

/**
 * Keeps a copy beside the state, because a checkout of the file would lose them.
 * @param readable resolves when what the file has is this clone's: what is not must not take the copy's place
 */
export async function saveSecrets(stack: string, readable: () => Promise<unknown>): Promise<void> {
  const text = JSON.stringify(copyOf(stack));
  const before = existsSync(path(stack)) ? readFileSync(path(stack), "utf8") : undefined;
  if (text === before) return;
  await readable().catch((error: Error) => {
    throw new Error(
      `the salt or taiga:credentials in Pulumi.${stack}.yaml are not this clone's: ${error.message.split("\n").at(-1)}; take both out of the file` +
        (before === undefined ? "" : ", and run this again, which puts back the stack's own"),
    );
  });
  writeWhole(path(stack), text, { mode: 0o600 });
}

/** Puts the copy back where the file has lost its salt or its credentials, and the stack is not another of the same name. */
export function restoreSecrets(stack: string, backend: Backend): void {
  const { encryptionsalt, config } = readStackFile(stack);
  if (!existsSync(path(stack)) || (encryptionsalt && config?.["taiga:credentials"])) return;
  const saved = JSON.parse(readFileSync(path(stack), "utf8")) as SavedSecrets;
  const made = resourcesIn(join(backend.directory as string, ".pulumi/stacks", project, `${stack}.json`));
  // One that was removed took its salt along; one that was made since has another, and nothing yet.
  if (made === undefined || (made === 0 && encryptionsalt && encryptionsalt !== saved.encryptionsalt)) return;
  const text = existsSync(stackFile(stack)) ? readFileSync(stackFile(stack), "utf8") : "";
  writeWhole(stackFile(stack), withSecrets(text, saved));
}

/** How many resources a state has; undefined where there is none. */
function resourcesIn(state: string): number | undefined {
  if (!existsSync(state)) return undefined;
  const { checkpoint } = JSON.parse(readFileSync(state, "utf8")) as {
    checkpoint?: { latest?: { resources?: unknown[] } | null };
  };
  return checkpoint?.latest?.resources?.length ?? 0;
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
  const isMoved = place.prefix !== undefined && !/^ +taiga:prefix:/m.test(bare);
  const unplaced = isMoved && place.network ? bare.replace(/^ +taiga:network:.*\n?/m, "") : bare;
  const placed = {
    ...(isMoved && { prefix: place.prefix }),
    ...(place.network && !/^ +taiga:network:/m.test(unplaced) && { network: place.network }),
  };
  const lines = Object.entries(placed).map(([key, value]) => `  taiga:${key}: ${value}\n`);
  const secure = `  taiga:credentials:\n    secure: ${credentials.secure}\n${lines.join("")}`;
  const body = /^config:[ \t]*(\{\})?[ \t]*$/m.test(unplaced)
    ? unplaced.replace(/^config:.*\n?/m, `config:\n${secure}`)
    : `${unplaced}${unplaced && !unplaced.endsWith("\n") ? "\n" : ""}config:\n${secure}`;
  const written = `encryptionsalt: ${encryptionsalt}\n${body}`;
  const meant = asMeant(bare, { encryptionsalt, credentials, placed });
  // Of a file in another shape its meaning is kept, if not its comments.
  return means(written, meant) ? written : dump(meant, { lineWidth: -1 });
}

/** What the file is to say. */
function asMeant(
  text: string,
  {
    encryptionsalt,
    credentials,
    placed,
  }: Pick<SavedSecrets, "encryptionsalt" | "credentials"> & { placed: object },
): object {
  const { config, ...more } = (load(text) ?? {}) as { config?: object };
  const place = Object.entries(placed).map(([key, value]) => [`taiga:${key}`, value]);
  return {
    ...more,
    encryptionsalt,
    config: { ...config, "taiga:credentials": credentials, ...Object.fromEntries(place) },
  };
}

function means(text: string, meant: object): boolean {
  try {
    return isDeepStrictEqual(load(text), meant);
  } catch {
    return false;
  }
}
