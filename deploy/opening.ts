import { join } from "node:path";
import { artifactsAreBuilt } from "./artifacts";
import { cacheDir } from "./cache";
import { findPulumi, missingPlugins } from "./engine";
import { type Backend, root } from "./environment";
import { wantedByModules } from "./go";
import { missingForGo } from "./go-toolchain";
import { missingPackages } from "./host-packages";
import type { KvmProbe } from "./kvm-probe";
import { libvirtdPlan } from "./libvirtd";
import { diskLine, findDisks, memoryLine, needs, readMemory } from "./room";
import { settings } from "./stack-file";

/** What deploy.sh found, and what it will do about it: said before anything is done. */
export function opening(stack: string, backend: Backend, kvm: KvmProbe, logs: string): string {
  const pulumi = findPulumi();
  const plugins = missingPlugins();
  const isBuilt = artifactsAreBuilt();
  const usesGo = !pulumi || plugins.length > 0 || !isBuilt;
  const goModules = () => wantedByModules(join(root, "plugins"), join(root, "images/go"));
  const missing = [...missingPackages(), ...(usesGo ? missingForGo(goModules()) : [])];
  const { hypervisors, pool } = settings(stack);
  const isHere = hypervisors.some(({ uri }) => uri.includes(":///"));
  const lines = {
    host: kvm.reason,
    memory: memoryLine(readMemory(), isHere ? needs.memory[kvm.works ? "kvm" : "emulated"] : 0),
    disk: diskLine(findDisks(isHere ? pool : undefined), usesGo ? [] : ["what is built", "Go's own caches"]),
    packages: missing.length === 0 ? "all there" : `to install: ${missing.join(" ")}`,
    libvirt: libvirtdPlan(),
    engine: pulumi ? engineLine(pulumi, plugins) : "to build from Go modules: about 10 min on two cores",
    machines: isBuilt
      ? "image and payload are built"
      : "image and payload to build: about 9 min, beside the engine",
    cluster: "by pulumi up: about a minute of container machines, some 10 min of emulated ones",
    cache: `${cacheDir()}; full logs in ${logs}`,
  };
  const told = Object.entries(lines).map(([what, text]) => `  ${what.padEnd(9)} ${text}`);
  return [`Taiga, stack ${stack}, on ${backend.says}`, ...told, ""].join("\n");
}

const engineLine = ({ bin, version }: { bin: string; version: string }, plugins: readonly string[]): string =>
  `pulumi ${version} in ${bin}${plugins.length === 0 ? "" : `; plugins to build: ${plugins.join(" ")}`}`;
