import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";
import { cached, contentKey } from "./cache";
import { pulumiHome } from "./environment";
import { type GoBuild, goBuild } from "./go";
import { isAtLeast } from "./go-toolchain";
import { run } from "./run";
import type { Progress } from "./steps";

export interface Engine {
  /** The folder with `pulumi`, its language host and its launcher of dynamic providers. */
  readonly bin: string;
  readonly pulumi: string;
  /** Pulumi's folder, where the plugins are. */
  readonly home: string;
  readonly says: string;
}

const plugins = resolve(__dirname, "..", "plugins");
const oldest = "3.200.0";

/** Built where none is found. What each pins, and why that version, is in its go.mod. */
const engine = { version: "3.259.0", command: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" };
const languageHost = "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs";

/** The plugins the program uses. The versions are those their npm packages ask for. */
const resourcePlugins = [
  { name: "libvirt", version: "0.8.3" },
  { name: "command", version: "1.2.1" },
] as const;

/** A `pulumi` with everything it needs for this project: the user's own if recent, otherwise built from plugins/. */
export async function ensureEngine(progress: Progress): Promise<Engine> {
  const home = pulumiHome();
  const found = findPulumi(home);
  const [bin] = await Promise.all([
    found ? Promise.resolve(found.bin) : installEngine(home, progress),
    buildPlugins(progress),
  ]);
  const pulumi = join(bin, "pulumi");
  for (const plugin of resourcePlugins) await installPlugin(pulumi, home, plugin, progress);
  const version = found?.version ?? engine.version;
  return { bin, pulumi, home, says: `pulumi ${version} in ${bin}` };
}

const candidates = (home: string): string[] =>
  [...(process.env.PATH ?? "").split(delimiter), join(home, "bin")].filter((folder) => {
    const pulumi = join(folder, "pulumi");
    if (!existsSync(pulumi)) return false;
    const beside = dirname(realpathSync(pulumi));
    return companions.every((name) => existsSync(join(beside, name)));
  });

interface Pulumi {
  readonly bin: string;
  readonly version: string;
}

const found = new Map<string, Pulumi>();

/** A recent pulumi on the PATH or where its installer puts it, with language host and launcher beside it; found, it is not asked again. */
export function findPulumi(home = pulumiHome()): Pulumi | undefined {
  const pulumi = found.get(home) ?? lookForPulumi(home);
  if (pulumi) found.set(home, pulumi);
  return pulumi;
}

function lookForPulumi(home: string): Pulumi | undefined {
  for (const folder of candidates(home)) {
    const { stdout } = spawnSync(join(folder, "pulumi"), ["version"], {
      encoding: "utf8",
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    const version = /^v?(\d+\.\d+\.\d+)/.exec(stdout ?? "")?.[1];
    if (version && isAtLeast(version, oldest)) return { bin: folder, version };
  }
  return undefined;
}

/** Pulumi looks for these beside itself first. Found elsewhere on the PATH they cost a warning in every run. */
const companions = ["pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"] as const;

async function installEngine(home: string, progress: Progress): Promise<string> {
  const [pulumi, language] = await Promise.all([
    build(
      {
        moduleDir: join(plugins, "pulumi"),
        package: engine.command,
        // Without a version in it the Automation API and the plugins' checks refuse the engine.
        ldflags: `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${engine.version}`,
      },
      `pulumi ${engine.version} (about ten minutes on two cores)`,
      progress,
    ),
    build(
      { moduleDir: join(plugins, "language-nodejs"), package: languageHost },
      "pulumi's language host for Node.js",
      progress,
    ),
  ]);
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  install(language, join(bin, "pulumi-language-nodejs"));
  install(launcher(), join(bin, "pulumi-resource-pulumi-nodejs"));
  install(pulumi, join(bin, "pulumi")); // last: it is what findPulumi looks for
  return bin;
}

/** The launcher of dynamic providers is a script that Pulumi's npm package carries. */
function launcher(): string {
  const manifest = createRequire(__filename).resolve("@pulumi/pulumi/package.json");
  return join(dirname(manifest), "pulumi-resource-pulumi-nodejs");
}

/** Replaces a program in one step, also one that is running. */
function install(from: string, to: string): void {
  const partial = `${to}.${process.pid}.partial`;
  copyFileSync(from, partial);
  chmodSync(partial, 0o755);
  renameSync(partial, to);
}

async function buildPlugins(progress: Progress): Promise<void> {
  for (const name of missingPlugins()) await buildPlugin(name, progress);
}

/** The names of the plugins that are not installed as this project wants them. */
export const missingPlugins = (home = pulumiHome()): string[] =>
  resourcePlugins.filter((plugin) => !isInstalled(home, plugin)).map(({ name }) => name);

type Plugin = (typeof resourcePlugins)[number];

const pluginKey = (name: string) => contentKey({ files: [join(plugins, name)] });

/** What we install says what it was built from; without that it is somebody else's, which we leave alone. */
const origin = "built-by-taiga-from";

function isInstalled(home: string, { name, version }: Plugin): boolean {
  const folder = join(home, "plugins", `resource-${name}-v${version}`);
  // Pulumi leaves the .partial file beside the folder while an installation is under way.
  if (!existsSync(join(folder, `pulumi-resource-${name}`)) || existsSync(`${folder}.partial`)) return false;
  const from = join(folder, origin);
  return !existsSync(from) || readFileSync(from, "utf8") === pluginKey(name);
}

/** Builds a folder as Pulumi keeps it: the program and where it is from. */
function buildPlugin(name: string, progress: Progress): Promise<string> {
  return cached("plugins", pluginKey(name), async (work) => {
    progress.say(`building plugin ${name}`);
    const out = join(work, `pulumi-resource-${name}`);
    await goBuild({ moduleDir: join(plugins, name), package: ".", out, log: progress.log });
    writeFileSync(join(work, origin), pluginKey(name));
  });
}

async function installPlugin(
  pulumi: string,
  home: string,
  plugin: Plugin,
  progress: Progress,
): Promise<void> {
  if (isInstalled(home, plugin)) return;
  const { name, version } = plugin;
  const folder = await buildPlugin(name, progress);
  progress.say(`installing plugin ${name} ${version}`);
  await run(pulumi, ["plugin", "install", "resource", name, version, "--file", folder, "--reinstall"], {
    log: progress.log,
    env: { PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
  });
}

/** Builds one program into the cache and returns it. */
async function build(what: Omit<GoBuild, "out" | "log">, says: string, progress: Progress): Promise<string> {
  const { moduleDir, ...values } = what;
  const folder = await cached("engine", contentKey({ files: [moduleDir], values }), async (work) => {
    progress.say(`building ${says}`);
    await goBuild({ ...what, out: join(work, "program"), log: progress.log });
  });
  return join(folder, "program");
}
