import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Looks again and again until there is something to be seen; what cannot be asked is not there. @throws AssertionError when it is not in time */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, `${what} within ${seconds} s`);
    await sleep(500);
  }
}
