import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { dump, load } from "js-yaml";
import { root, stateDir } from "../deploy/environment";
import type { Pulumi, Shown } from "./stack";

type Mapping = Readonly<Record<string, unknown>>;

/** A stack's file, taken apart: what it says in the open, and what it has encrypted for one passphrase, in plain text. */
export interface StackConfiguration {
  readonly config: Mapping;
  readonly secrets: readonly Secret[];
}

interface Secret {
  /** From the key of the configuration on: ["taiga:email", "password"]. */
  readonly path: readonly (string | number)[];
  readonly value: string;
}

interface StackFile {
  readonly config?: Mapping;
  readonly [other: string]: unknown;
}

const fileOf = (stack: string): string => join(root, `Pulumi.${stack}.yaml`);
const readFile = (stack: string): StackFile =>
  existsSync(fileOf(stack)) ? ((load(readFileSync(fileOf(stack), "utf8")) ?? {}) as StackFile) : {};

export async function readConfiguration(pulumi: Pulumi, stack: string): Promise<StackConfiguration> {
  return takeApart(readFile(stack).config ?? {}, await pulumi.config(stack));
}

/** @param shown the same configuration, decrypted. */
export function takeApart(config: Mapping, shown: Shown): StackConfiguration {
  const secrets: Secret[] = [];
  const open = (value: unknown, path: readonly (string | number)[]): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (typeof (value as { secure?: unknown }).secure === "string") {
      secrets.push({ path, value: plainAt(shown, path) });
      return undefined;
    }
    if (Array.isArray(value)) return value.map((each, index) => open(each, [...path, index]) ?? null);
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, each]) => [key, open(each, [...path, key])] as const)
        .filter(([, each]) => each !== undefined),
    );
  };
  return { config: open(config, []) as Mapping, secrets };
}

function plainAt(shown: Shown, [key, ...rest]: readonly (string | number)[]): string {
  const entry = shown[String(key)];
  let value: unknown = rest.length === 0 ? entry?.value : entry?.objectValue;
  for (const step of rest) value = (value as Record<string | number, unknown> | undefined)?.[step];
  if (value === undefined)
    throw new Error(`${[key, ...rest].join(".")} of the stack's file cannot be decrypted`);
  return String(value);
}

/** A path as `pulumi config set --path` takes it. @example `taiga:email.password`, `taiga:list[0]` */
export const pathText = (path: readonly (string | number)[]): string =>
  path
    .map((step, index) =>
      typeof step === "number"
        ? `[${step}]`
        : /^[\w:-]+$/.test(step)
          ? `${index === 0 ? "" : "."}${step}`
          : `["${step.replace(/"/g, '\\"')}"]`,
    )
    .join("");

const credentialsOf = ({ secrets }: StackConfiguration): string | undefined =>
  secrets.find(({ path }) => path.join() === "taiga:credentials")?.value;

export const isSame = (one: StackConfiguration, other: StackConfiguration): boolean =>
  isDeepStrictEqual(sorted(one), sorted(other));

const sorted = ({ config, secrets }: StackConfiguration) => ({
  config,
  secrets: [...secrets].map(({ path, value }) => `${pathText(path)}=${value}`).sort(),
});

/**
 * Whether a backup's configuration may become this stack's: where the stack has none yet, or is the same cluster.
 * @throws Error where another cluster has the name.
 */
export function checkOwner(stack: string, present: StackConfiguration, backedUp: StackConfiguration): void {
  const own = credentialsOf(present);
  if (own === undefined || own === credentialsOf(backedUp)) return;
  throw new Error(
    `stack ${stack} of this clone is another cluster than the one of the backup, with a root secret of its own. Nothing was ` +
      `changed. To have the other in its place: pulumi destroy --stack ${stack}, pulumi stack rm ${stack} ` +
      `and rm Pulumi.${stack}.yaml; or restore in another clone`,
  );
}

/** The settings that say how many machines there are, and what runs on them. */
const shape = ["taiga:machines", "taiga:pools", "taiga:services"];

/** What the database is made with, once; rows of a backup that names another are read into it all the same. */
const database = "taiga:database";

/** The backup's configuration with this stack's own names of the database and, where they are kept, machines. */
export function withOwn(
  present: StackConfiguration,
  backedUp: StackConfiguration,
  { keepMachines }: { readonly keepMachines: boolean },
): StackConfiguration {
  const kept = keepMachines ? [...shape, database] : [database];
  const rest = Object.entries(backedUp.config).filter(([key]) => !kept.includes(key));
  const own = Object.entries(present.config).filter(([key]) => kept.includes(key));
  return { ...backedUp, config: Object.fromEntries([...rest, ...own]) };
}

/** Makes the stack's file say what the backup's did, encrypted anew for this clone; comments stay where nothing differs. */
export async function putConfiguration(
  pulumi: Pulumi,
  stack: string,
  backedUp: StackConfiguration,
): Promise<"as it was" | "put back"> {
  if ((await pulumi.has(stack)) && isSame(await readConfiguration(pulumi, stack), backedUp))
    return "as it was";
  // Selecting makes it where it is not there, and with it this clone's salt.
  await pulumi.run(["stack", "select", stack, "--create"]);
  const { config: _, ...rest } = readFile(stack);
  const partial = join(stateDir, `Pulumi.${stack}.restoring.yaml`);
  try {
    writeFileSync(partial, dump({ ...rest, config: backedUp.config }, { lineWidth: -1 }), { mode: 0o600 });
    for (const { path, value } of backedUp.secrets) {
      // By standard input: an argument would show in the process list.
      const args = [
        "config",
        "set",
        "--secret",
        "--path",
        pathText(path),
        "--config-file",
        partial,
        "--stack",
        stack,
      ];
      await pulumi.run(args, value);
    }
    // Another file system would be no place to rename from.
    const beside = `${fileOf(stack)}.restoring`;
    writeFileSync(beside, readFileSync(partial));
    renameSync(beside, fileOf(stack));
  } finally {
    rmSync(partial, { force: true });
  }
  return "put back";
}
