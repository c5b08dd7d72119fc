import { readFileSync } from "node:fs";

/** Whether a process runs. One that has ended may still have its number, until somebody has waited for it. */
export function lives(pid: number | string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
