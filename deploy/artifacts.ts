import { existsSync } from "node:fs";
import { join } from "node:path";
import { nodeImage, payload } from "../images/artifacts";
import { buildArtifacts } from "../images/build";
import { asRoot, checkRootWay } from "./as-root";
import { cacheDir } from "./cache";
import { root } from "./environment";
import { run } from "./run";
import { quoted } from "./shell";
import type { Progress } from "./steps";

export const artifactsAreBuilt = (): boolean => [nodeImage(), payload()].every(({ dir }) => existsSync(dir));

/**
 * Builds node image and payload, for which root file systems are mounted and entered: as root, by sudo where we are not.
 * @throws Error with the line to copy, where they are not there and this user cannot become root.
 */
export async function buildArtifactsAsRoot(progress: Progress): Promise<void> {
  if (process.getuid?.() === 0) return buildArtifacts(progress.say);
  if (artifactsAreBuilt()) return;
  const environment = [`TAIGA_CACHE=${cacheDir()}`, `HOME=/root`, `PATH=${process.env.PATH}`];
  const build = [process.execPath, "--require", "tsx/cjs", join(root, "images/build.ts")];
  const line = `env ${[...environment, ...build].map(quoted).join(" ")}`;
  checkRootWay("node image and payload are not built", `(cd ${quoted(root)} && ${line})`);
  const [command, args] = asRoot("env", [...environment, ...build]);
  await run(command, args, { cwd: root, log: progress.log, line: progress.say });
}
