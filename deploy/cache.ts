import { createHash } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Where builds are kept, outside the checkout: $TAIGA_CACHE, or `taiga` in the user's cache folder. */
export function cacheDir(): string {
  return process.env.TAIGA_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "taiga");
}

/** Names a build by all that goes into it: 12 hexadecimal digits over file names, file contents and values. */
export function contentKey(inputs: {
  readonly files?: readonly string[];
  readonly values?: unknown;
}): string {
  const hash = createHash("sha256").update(JSON.stringify(inputs.values ?? null));
  const add = (path: string, name: string): void => {
    if (statSync(path).isDirectory()) {
      for (const entry of readdirSync(path).sort()) add(join(path, entry), `${name}/${entry}`);
    } else {
      hash.update(`\0${name}\0${statSync(path).mode & 0o111 ? "x" : "-"}\0`).update(readFileSync(path));
    }
  };
  for (const [index, file] of (inputs.files ?? []).entries()) add(file, String(index));
  return hash.digest("hex").slice(0, 12);
}

/** The folder a build of this kind and key has, or will have. */
export function cachePath(kind: string, key: string): string {
  return join(cacheDir(), kind, key);
}

/**
 * Builds once for each key. A build works in a folder of its own that gets its name when it is whole, so an interrupted
 * one leaves nothing half; two builders of one key wait for each other.
 */
export async function cached(
  kind: string,
  key: string,
  build: (tmpDir: string) => Promise<void>,
): Promise<string> {
  const path = cachePath(kind, key);
  if (existsSync(path)) return path;
  mkdirSync(join(cacheDir(), kind), { recursive: true });
  // Root builds images in a user's cache; what that user builds next must have its place there too.
  const { uid, gid } = statSync(cacheDir());
  if (process.getuid?.() === 0 && uid !== 0) chownSync(join(cacheDir(), kind), uid, gid);
  const unlock = await lock(`${path}.lock`);
  try {
    if (existsSync(path)) return path;
    const work = `${path}.partial`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    await build(work);
    renameSync(work, path);
    return path;
  } finally {
    unlock();
  }
}

async function lock(path: string): Promise<() => void> {
  for (;;) {
    try {
      writeFileSync(path, me(), { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (holderIsDead(path)) rmSync(path, { force: true });
      else await sleep(500);
    }
  }
}

const me = (): string => holder(process.pid) as string;

/** A process by its number and when it began, in ticks since a boot that is named too; undefined when there is none. */
function holder(pid: number): string | undefined {
  try {
    const started = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19];
    return `${pid} ${started} ${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}`;
  } catch {
    return undefined;
  }
}

function holderIsDead(path: string): boolean {
  try {
    const text = readFileSync(path, "utf8");
    if (!text) return Date.now() - statSync(path).mtimeMs > 5_000;
    return text !== holder(Number(text.split(" ")[0]));
  } catch {
    return false; // let go of meanwhile
  }
}
