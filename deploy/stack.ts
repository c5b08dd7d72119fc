import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { readImage } from "../components/image";
import { defaults } from "../components/settings";
import type { ImageChoice } from "../images/catalogue";
import { type Credentials, createCredentials } from "../provider/credentials";
import { claim, foreignClaim } from "./claims";
import { type Backend, root, stateDir } from "./environment";
import { onPath } from "./host-packages";
import { isOf, libvirtNames } from "./libvirt-objects";
import { run } from "./run";
import type { Progress } from "./steps";

export const project = "taiga";

export interface StackSettings {
  readonly prefix: string;
  readonly network: string;
  readonly pool: string;
}

type StackFile = { encryptionsalt?: string; config?: Record<string, unknown> };

const stackFile = (stack: string): string => join(root, `Pulumi.${stack}.yaml`);
const readStackFile = (stack: string): StackFile =>
  existsSync(stackFile(stack)) ? ((load(readFileSync(stackFile(stack), "utf8")) ?? {}) as StackFile) : {};

/** Where a stack's machines live, as its file says or by default. */
export function settings(stack: string): StackSettings {
  const config = readStackFile(stack).config ?? {};
  const text = (key: string, otherwise: string) =>
    typeof config[key] === "string" ? (config[key] as string) : otherwise;
  const prefix = text("taiga:prefix", `${project}-${stack}`);
  return {
    prefix,
    network: text("taiga:network", defaults.network),
    pool: text("taiga:pool", `/var/lib/taiga/${prefix}`),
  };
}

/** What the stack's machines boot; the built image where its file says nothing that can be read: the preview says why. */
export function imageChoice(stack: string): ImageChoice {
  const machines = readStackFile(stack).config?.["taiga:machines"] as { image?: unknown } | undefined;
  return readImage(machines?.image, []);
}

/** Whether the stack was made ready before: one without credentials never was. */
export const hasCredentials = (stack: string): boolean =>
  readStackFile(stack).config?.["taiga:credentials"] !== undefined;

/** Selects the stack, makes it where it does not exist, and gives it credentials and a place on this host. */
export async function ensureStack(
  stack: string,
  env: Record<string, string>,
  backend: Backend,
  progress: Progress,
): Promise<string> {
  const pulumi = (args: readonly string[], input?: string) =>
    run("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: root,
      env,
      log: progress.log,
      ...(input !== undefined && { input }),
    });

  if (backend.kind === "local") {
    await keepSecretsOutOfGit(progress);
    restoreSecrets(stack, backend);
  }
  progress.say(`selecting stack ${stack}`);
  await pulumi(["stack", "select", stack, "--create"]);

  const notes: string[] = [];
  const place = settings(stack);
  const isNew = !hasCredentials(stack);
  if ((isNew && (await isTaken(place))) || !claim(place.prefix, stack)) {
    const free = await freePlace(place);
    await pulumi(["config", "set", "taiga:prefix", free.prefix, "--stack", stack]);
    await pulumi(["config", "set", "taiga:network", free.network, "--stack", stack]);
    claim(free.prefix, stack);
    notes.push(
      `${place.prefix} or ${place.network} is taken on this host, so this stack is ${free.prefix} on ${free.network}`,
    );
  }
  if (isNew) {
    progress.say("making the stack's credentials: certificate authority, ssh key, seed");
    // By standard input: an argument would show in the process list.
    await pulumi(
      ["config", "set", "--secret", "taiga:credentials", "--stack", stack],
      credentialsText(await createCredentials()),
    );
    notes.push("credentials made");
  }
  if (backend.kind === "local") saveSecrets(stack);
  return [`stack ${stack} on ${backend.says}`, ...notes].join("; ");
}

const credentialsText = (credentials: Credentials): string => JSON.stringify(credentials);

/**
 * A stack file in git is shared by clones, each with its own passphrase: git is told to leave the salt and the
 * encrypted credentials out. Only for the local backend; with a shared one they belong in the file.
 */
async function keepSecretsOutOfGit(progress: Progress): Promise<void> {
  if (!existsSync(join(root, ".git")) || !onPath("git")) return;
  await run("git", ["config", "filter.taiga-stack.clean", "node deploy/stack-file-filter.cjs"], {
    cwd: root,
    log: progress.log,
  });
}

const savedSecrets = (stack: string): string => join(stateDir, `${stack}.secrets.json`);

/** Encrypted as in the stack file; kept because a checkout or stash of that file would lose them. */
function saveSecrets(stack: string): void {
  const { encryptionsalt, config } = readStackFile(stack);
  const saved = JSON.stringify({ encryptionsalt, credentials: config?.["taiga:credentials"] });
  const path = savedSecrets(stack);
  if (!existsSync(path) || readFileSync(path, "utf8") !== saved) writeFileSync(path, saved, { mode: 0o600 });
}

function restoreSecrets(stack: string, backend: Backend): void {
  if (!existsSync(savedSecrets(stack)) || readStackFile(stack).encryptionsalt) return;
  // A stack that was removed took its salt along.
  if (!existsSync(join(backend.directory as string, ".pulumi/stacks", project, `${stack}.json`))) return;
  const saved = JSON.parse(readFileSync(savedSecrets(stack), "utf8")) as {
    encryptionsalt: string;
    credentials: { secure: string };
  };
  const text = existsSync(stackFile(stack)) ? readFileSync(stackFile(stack), "utf8") : "";
  writeFileSync(stackFile(stack), withSecrets(text, saved.encryptionsalt, saved.credentials.secure));
}

/** The text of a stack file with salt and credentials put back, everything else as it was. */
export function withSecrets(text: string, salt: string, credentials: string): string {
  const secure = `  taiga:credentials:\n    secure: ${credentials}\n`;
  const body = /^config:[ \t]*(\{\})?[ \t]*$/m.test(text)
    ? text.replace(/^config:.*\n?/m, `config:\n${secure}`)
    : `${text}${text && !text.endsWith("\n") ? "\n" : ""}config:\n${secure}`;
  return `encryptionsalt: ${salt}\n${body}`;
}

/** Whether libvirt or the host's network already has what a stack that was never deployed would make. */
async function isTaken({ prefix, network }: StackSettings): Promise<boolean> {
  const names = await libvirtNames().catch(() => []); // no libvirt yet, so nothing of ours in it
  return (
    names.some((name) => isOf(prefix, name)) || hostNetworks().has(network.split(".").slice(0, 3).join("."))
  );
}

/** A prefix and a /24 nobody on this host uses. A letter ends the prefix, so that no machine name looks like it. */
async function freePlace(taken: StackSettings): Promise<{ prefix: string; network: string }> {
  const names = await libvirtNames().catch(() => []);
  const busy = (prefix: string) => foreignClaim(prefix, "") || names.some((name) => isOf(prefix, name));
  let prefix = "";
  for (let letter = 0; letter < 26; letter += 1) {
    prefix = `${taken.prefix}-${String.fromCharCode(98 + letter)}`;
    if (!busy(prefix)) break;
  }
  const used = hostNetworks();
  for (let third = 78; third < 250; third += 1) {
    if (!used.has(`10.${third}.0`)) return { prefix, network: `10.${third}.0.0/24` };
  }
  throw new Error(
    "no free network between 10.78.0.0/24 and 10.249.0.0/24: set taiga:network in the stack's file",
  );
}

/** The first three bytes of each IPv4 network this host has an address in. */
function hostNetworks(): Set<string> {
  return new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => address.family === "IPv4")
      .map((address) => address.address.split(".").slice(0, 3).join(".")),
  );
}
