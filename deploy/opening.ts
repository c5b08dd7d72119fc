import { existsSync } from "node:fs";
import { totalmem } from "node:os";
import { nodeImage, payload } from "../images/artifacts";
import { cacheDir } from "./cache";
import { hasPulumi } from "./engine";
import type { Backend } from "./environment";
import { missingPackages } from "./host-packages";
import type { KvmProbe } from "./kvm-probe";

/** What deploy.sh found, and what it will do about it: said before anything is done. */
export function opening(stack: string, backend: Backend, kvm: KvmProbe, logs: string): string {
  const missing = missingPackages();
  const isBuilt = [nodeImage(), payload()].every(({ dir }) => existsSync(dir));
  const lines = {
    host: `${Math.round(totalmem() / 2 ** 30)} GiB of memory; ${kvm.reason}`,
    packages: missing.length === 0 ? "all there" : `to install: ${missing.join(" ")}`,
    engine: hasPulumi() ? "there" : "to build from Go modules: about 10 min on two cores",
    machines: isBuilt
      ? "image and payload are built"
      : "image and payload to build: about 9 min, beside the engine",
    cluster: "by pulumi up: about a minute of container machines, some 10 min of emulated ones",
    cache: `${cacheDir()}${existsSync(cacheDir()) ? "" : " (new)"}; full logs in ${logs}`,
  };
  const told = Object.entries(lines).map(([what, text]) => `  ${what.padEnd(9)} ${text}`);
  return [`Taiga, stack ${stack}, on ${backend.says}`, ...told, ""].join("\n");
}
