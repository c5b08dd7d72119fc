import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { root } from "./environment";

/** Whether a process is a living engine: its number may have been given to another process since, or belong to a dead one nobody has waited for. */
export function isPulumi(pid: number): boolean {
  try {
    return /^\d+ \(pulumi\) [^ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Ends plugins and programs working on this clone whose engine is dead; they could still be making things. */
export function endOrphans(): number {
  let ended = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== root) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (!/pulumi-(language|resource)-|@pulumi\/pulumi\/cmd\/|container-domain\.ts/.test(command)) continue;
      if (hasEngine(Number(pid))) continue;
      process.kill(Number(pid), "SIGKILL");
      ended += 1;
    } catch {
      // It ended while being looked at, or belongs to another user.
    }
  }
  return ended;
}

/** Whether a living pulumi is among a process's ancestors. */
function hasEngine(pid: number): boolean {
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  return parent > 1 && (isPulumi(parent) || hasEngine(parent));
}
