import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { libvirtUri } from "./libvirtd";
import { quoted } from "./shell";
import { writeWhole } from "./whole-file";

export const root = resolve(__dirname, "..");

/** What this clone keeps to itself: the local backend, its passphrase, marks of updates under way. Not in git. */
export const stateDir = join(root, ".state");

export interface Backend {
  readonly kind: "login" | "local";
  readonly says: string;
  /** Undefined for Pulumi Cloud by a token alone. */
  readonly url?: string;
  /** Where a file backend keeps its files; any other keeps its locks to itself. */
  readonly directory?: string;
}

/**
 * The backend an existing login or PULUMI_BACKEND_URL names; without one, files under this clone's .state.
 * `home` is Pulumi's folder, where a login is kept.
 */
export function findBackend(env: NodeJS.ProcessEnv, home: string): Backend {
  if (env.PULUMI_BACKEND_URL) {
    // The shell may have evaluated --print-env: our own backend, handed back to us.
    if (env.PULUMI_BACKEND_URL === localBackend) return local;
    const url = env.PULUMI_BACKEND_URL;
    return { kind: "login", says: `the backend of PULUMI_BACKEND_URL, ${url}`, url, ...directoryOf(url) };
  }
  const login = currentLogin(join(env.PULUMI_CREDENTIALS_PATH ?? home, "credentials.json"));
  if (login && login !== localBackend)
    return { kind: "login", says: `your login at ${login}`, url: login, ...directoryOf(login) };
  if (env.PULUMI_ACCESS_TOKEN) return { kind: "login", says: "your Pulumi access token" };
  return local;
}

const localBackend = `file://${join(stateDir, "pulumi")}`;
const local: Backend = {
  kind: "local",
  says: "a local file backend in .state/pulumi",
  url: localBackend,
  directory: join(stateDir, "pulumi"),
};

/** `file://~/…` is the user's home, as Pulumi reads it. */
function directoryOf(url: string): { directory?: string } {
  const path = /^file:\/\/(.*)$/.exec(url)?.[1];
  return path === undefined ? {} : { directory: resolve(path.replace(/^~(?=\/|$)/, homedir())) };
}

function currentLogin(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { current?: string }).current;
}

export const pulumiHome = (env: NodeJS.ProcessEnv = process.env): string =>
  env.PULUMI_HOME ?? join(homedir(), ".pulumi");

/**
 * What `pulumi` needs in its environment to work on this clone, as deploy.sh itself and `--print-env` use it.
 * `engineBin` is the folder of the engine that was found or built.
 */
export function pulumiEnvironment(
  engineBin: string,
  backend: Backend,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const path = (env.PATH ?? "").split(delimiter);
  const first = [engineBin].filter((folder) => folder !== "");
  const variables: Record<string, string> = {
    PATH: [...new Set([...first, ...path])].join(delimiter),
    PULUMI_HOME: pulumiHome(env),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    LIBVIRT_DEFAULT_URI: libvirtUri,
    // The gates of a dozen services wait at the same time; the engine's four for each processor would have units wait for them.
    PULUMI_PARALLEL: env.PULUMI_PARALLEL ?? "32",
  };
  if (backend.kind === "local") variables.PULUMI_BACKEND_URL = localBackend;
  const given = env.PULUMI_CONFIG_PASSPHRASE !== undefined || env.PULUMI_CONFIG_PASSPHRASE_FILE;
  if (wantsPassphrase(backend) && !given)
    variables.PULUMI_CONFIG_PASSPHRASE_FILE = join(stateDir, "passphrase");
  return variables;
}

/** A self-managed backend (files, a bucket) encrypts with a passphrase; Pulumi Cloud has its own way. */
const wantsPassphrase = ({ url = "" }: Backend): boolean => /^(file|s3|gs|azblob|postgres):/.test(url);

/** Makes the local backend's folder and passphrase, once. */
export function prepareState(): void {
  mkdirSync(join(stateDir, "pulumi"), { recursive: true, mode: 0o700 });
  const passphrase = join(stateDir, "passphrase");
  if (!existsSync(passphrase)) {
    writeWhole(passphrase, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, onlyNew: true });
  }
}

/** `export` lines for a POSIX shell. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}`)
    .join("\n");
}
