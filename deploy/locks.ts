import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isPulumi } from "./orphans";
import { project } from "./stack-file";
import type { Progress } from "./steps";

interface Lock {
  readonly pid: number;
  readonly hostname: string;
  readonly username: string;
  readonly timestamp: string;
}

/** Removes locks whose process on this host is dead and waits for the living; returns how many it removed. */
export async function clearDeadLocks(directory: string, stack: string, progress: Progress): Promise<number> {
  const locks = join(directory, ".pulumi/locks/organization", project, stack);
  let cleared = 0;
  for (;;) {
    const files = existsSync(locks) ? readdirSync(locks).filter((name) => name.endsWith(".json")) : [];
    const held = files.map((name) => ({ path: join(locks, name), lock: readLock(join(locks, name)) }));
    const elsewhere = held.find(({ lock }) => lock && lock.hostname !== hostname());
    if (elsewhere?.lock) {
      throw new Error(
        `stack ${stack} is locked by process ${elsewhere.lock.pid} of ${elsewhere.lock.username} on ${elsewhere.lock.hostname} ` +
          `since ${elsewhere.lock.timestamp}. If that has ended: pulumi cancel ${stack}`,
      );
    }
    const living = held.filter(({ lock }) => lock && isPulumi(lock.pid));
    for (const { path } of held.filter((one) => !living.includes(one))) {
      for (const file of [path, `${path}.attrs`]) rmSync(file, { force: true });
      cleared += 1;
    }
    if (living.length === 0) return cleared;
    progress.say(`waiting for the update of ${stack} that process ${living[0]?.lock?.pid} is running`);
    await sleep(2000);
  }
}

/** An unreadable lock was being written when its process died. */
function readLock(path: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Lock;
  } catch {
    return undefined;
  }
}
