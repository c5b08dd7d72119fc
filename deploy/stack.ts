import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { freeNetwork, hostNetworks } from "../components/host-networks";
import { type Hypervisor, readHypervisors } from "../components/hypervisors";
import { readImage } from "../components/image";
import { readLink } from "../components/link";
import { defaults } from "../components/settings";
import type { ImageChoice } from "../images/catalogue";
import { type Cidr, overlaps, parseCidr } from "../nodes/cidr";
import { type Credentials, createCredentials } from "../provider/credentials";
import { claim, claimedNetworks, foreignClaim } from "./claims";
import { type Backend, root, stateDir } from "./environment";
import { onPath } from "./host-packages";
import { isOf, libvirtObjects } from "./libvirt-objects";
import { run } from "./run";
import { dropTornAttributes } from "./state-files";
import type { Progress } from "./steps";
import { writeWhole } from "./whole-file";

export const project = "taiga";

export interface StackSettings {
  readonly prefix: string;
  readonly network: string;
  readonly pool: string;
  readonly hypervisors: readonly Hypervisor[];
  /** Whether libvirt makes the network; otherwise the site has it, and this host may well be in it. */
  readonly nat: boolean;
}

type StackFile = { encryptionsalt?: string; config?: Record<string, unknown> };

const stackFile = (stack: string): string => join(root, `Pulumi.${stack}.yaml`);
const readStackFile = (stack: string): StackFile =>
  existsSync(stackFile(stack)) ? ((load(readFileSync(stackFile(stack), "utf8")) ?? {}) as StackFile) : {};

/** Where a stack's machines live, as its file says or by default; what is wrong with it is the preview's to say. */
export function settings(stack: string): StackSettings {
  const config = readStackFile(stack).config ?? {};
  const text = (key: string, otherwise: string) =>
    typeof config[key] === "string" ? (config[key] as string) : otherwise;
  const prefix = text("taiga:prefix", `${project}-${stack}`);
  return {
    prefix,
    network: text("taiga:network", defaults.network),
    pool: text("taiga:pool", `/var/lib/taiga/${prefix}`),
    hypervisors: readHypervisors(config["taiga:hypervisors"], text("libvirt:uri", defaults.libvirt), []),
    nat: readLink(config["taiga:link"], { used: [] }, []).mode === "nat",
  };
}

/** What the stack's machines boot; the built image where its file says nothing that can be read: the preview says why. */
export function imageChoice(stack: string): ImageChoice {
  const machines = readStackFile(stack).config?.["taiga:machines"] as { image?: unknown } | undefined;
  return readImage(machines?.image, []);
}

/** Whether the stack's file says where images of Taiga are; what it says is the preview's to judge. */
export const namesImages = (stack: string): boolean =>
  Object.keys(readStackFile(stack).config?.["taiga:images"] ?? {}).length > 0;

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
  const notes: string[] = [];
  if (backend.directory)
    for (const name of dropTornAttributes(backend.directory, project))
      notes.push(`removed ${name}, which the engine was killed while writing`);
  progress.say(`selecting stack ${stack}`);
  await pulumi(["stack", "select", stack, "--create"]);

  const place = settings(stack);
  const isNew = !hasCredentials(stack);
  if (!isNew && !claim(place.prefix, place.network, stack)) {
    // Moved, all its machines would be made anew and their data lost.
    throw new Error(
      `stack ${stack} is ${place.prefix}, which the clone in ${foreignClaim(place.prefix, stack)?.clone} holds; is this a copy of it? ` +
        `To start a stack of its own here: rm -r .state, and take salt, credentials and prefix out of Pulumi.${stack}.yaml`,
    );
  }
  if (isNew && ((await isTaken(place, stack)) || !claim(place.prefix, place.network, stack))) {
    const free = await freePlace(place, stack);
    await pulumi(["config", "set", "taiga:prefix", free.prefix, "--stack", stack]);
    await pulumi(["config", "set", "taiga:network", free.network, "--stack", stack]);
    claim(free.prefix, free.network, stack);
    notes.push(
      `${place.prefix} or ${place.network} is taken on this host, so this stack is ${free.prefix} on ${free.network}`,
    );
  }
  if (isNew) {
    progress.say("making the stack's credentials: certificate authority, ssh key, seed");
    // By standard input: an argument would show in the process list.
    await pulumi(
      ["config", "set", "--secret", "taiga:credentials", "--stack", stack],
      credentialsText(await createCredentials(stack)),
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

/** Encrypted as in the stack file; kept, with the place on this host, because a checkout of that file would lose them. */
function saveSecrets(stack: string): void {
  const { encryptionsalt, config } = readStackFile(stack);
  const { "taiga:credentials": credentials, "taiga:prefix": prefix, "taiga:network": network } = config ?? {};
  const saved = JSON.stringify({ encryptionsalt, credentials, prefix, network });
  const path = savedSecrets(stack);
  if (!existsSync(path) || readFileSync(path, "utf8") !== saved) writeWhole(path, saved, { mode: 0o600 });
}

function restoreSecrets(stack: string, backend: Backend): void {
  if (!existsSync(savedSecrets(stack)) || readStackFile(stack).encryptionsalt) return;
  // A stack that was removed took its salt along.
  if (!existsSync(join(backend.directory as string, ".pulumi/stacks", project, `${stack}.json`))) return;
  const saved = JSON.parse(readFileSync(savedSecrets(stack), "utf8")) as {
    encryptionsalt: string;
    credentials: { secure: string };
    prefix?: string;
    network?: string;
  };
  const text = existsSync(stackFile(stack)) ? readFileSync(stackFile(stack), "utf8") : "";
  const { encryptionsalt, credentials, ...place } = saved;
  writeWhole(stackFile(stack), withSecrets(text, encryptionsalt, credentials.secure, place));
}

/** The text of a stack file with salt, credentials and place put back where they lack, everything else as it was. */
export function withSecrets(
  text: string,
  salt: string,
  credentials: string,
  place: { readonly prefix?: string; readonly network?: string } = {},
): string {
  const placed = (["prefix", "network"] as const)
    .filter((key) => place[key] && !new RegExp(`^ +taiga:${key}:`, "m").test(text))
    .map((key) => `  taiga:${key}: ${place[key]}\n`);
  const secure = `  taiga:credentials:\n    secure: ${credentials}\n${placed.join("")}`;
  const body = /^config:[ \t]*(\{\})?[ \t]*$/m.test(text)
    ? text.replace(/^config:.*\n?/m, `config:\n${secure}`)
    : `${text}${text && !text.endsWith("\n") ? "\n" : ""}config:\n${secure}`;
  return `encryptionsalt: ${salt}\n${body}`;
}

/** Whether libvirt, the host's network or another stack already has what one that was never deployed would make. */
async function isTaken(place: StackSettings, stack: string): Promise<boolean> {
  const { prefix, network, nat } = place;
  const names = await takenNames(place);
  const wanted = parseCidr(network);
  return (
    names.some((name) => isOf(prefix, name)) ||
    (nat && takenNetworks(stack).some((other) => overlaps(wanted, other)))
  );
}

/** A prefix and, for a network of libvirt's own, a /24 nobody on this host uses. A letter ends the prefix, so that no machine name looks like it. */
async function freePlace(taken: StackSettings, stack: string): Promise<{ prefix: string; network: string }> {
  const names = await takenNames(taken);
  const busy = (prefix: string) => foreignClaim(prefix, stack) || names.some((name) => isOf(prefix, name));
  const prefixes = [taken.prefix, ..."bcdefghijklmnopqrstuvwxyz"].map((letter, index) =>
    index === 0 ? letter : `${taken.prefix}-${letter}`,
  );
  const prefix = prefixes.find((each) => !busy(each));
  if (!prefix) throw new Error(`${taken.prefix}-b to -z are all taken: set taiga:prefix in the stack's file`);
  if (!taken.nat) return { prefix, network: taken.network };
  const network = freeNetwork([...takenNetworks(stack), parseCidr(defaults.containers)]);
  if (!network) throw new Error("no private /24 network is free: set taiga:network in the stack's file");
  return { prefix, network };
}

/** Where no libvirt answers there is nothing of ours yet. */
const takenNames = async ({ hypervisors }: StackSettings): Promise<string[]> =>
  (await Promise.all(hypervisors.map(({ uri }) => libvirtObjects([uri]).catch(() => []))))
    .flat()
    .map(({ name }) => name);

const takenNetworks = (stack: string): Cidr[] => [
  ...hostNetworks(),
  ...claimedNetworks(stack).map((text) => parseCidr(text)),
];
