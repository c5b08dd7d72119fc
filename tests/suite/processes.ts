import { readdirSync, readFileSync } from "node:fs";

/** Every process of this run has it in its environment, with its part's name, so that what outlives its parent is found. */
const mark = "TAIGA_TEST_RUN";
const run = `${process.pid}-${Date.now()}`;

/** The environment of a part's processes. */
export const marked = (part: string): Record<string, string> => ({ [mark]: `${run} ${part}` });

/** Ends what this run started and nobody waited for, or a part of it. @returns how many processes. */
export function endStragglers(part = ""): number {
  let ended = 0;
  const wanted = `${mark}=${run} ${part}`;
  const isOurs = (entry: string) => (part ? entry === wanted : entry.startsWith(wanted));
  for (const pid of readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  )) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").some(isOurs)) continue;
      process.kill(Number(pid), "SIGKILL");
      ended += 1;
    } catch {
      // It ended while being looked at, or belongs to another user.
    }
  }
  return ended;
}
