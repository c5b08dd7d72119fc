import { join } from "node:path";
import { buildArtifacts } from "../images/build";
import { asRoot } from "./as-root";
import { cacheDir } from "./cache";
import { root } from "./environment";
import { run } from "./run";
import type { Progress } from "./steps";

/** Builds node image and payload, for which root file systems are mounted and entered: as root, by sudo where we are not. */
export async function buildArtifactsAsRoot(progress: Progress): Promise<void> {
  if (process.getuid?.() === 0) return buildArtifacts(progress.say);
  const [command, args] = asRoot("env", [
    ...[`TAIGA_CACHE=${cacheDir()}`, `HOME=/root`, `PATH=${process.env.PATH}`],
    ...[process.execPath, "--require", "tsx/cjs", join(root, "images/build.ts")],
  ]);
  await run(command, args, { cwd: root, log: progress.log, line: progress.say });
}
