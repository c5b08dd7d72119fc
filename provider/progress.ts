import { setTimeout as sleep } from "node:timers/promises";

export interface Wait {
  /** What is waited for, for the progress line and the error. */
  readonly what: string;
  readonly timeoutSeconds: number;
  /** What to look at when it takes too long. */
  readonly lookAt: string;
  /** Default: 1. */
  readonly everySeconds?: number;
}

/**
 * Asks until the answer is `undefined`, which means nothing is lacking; a text says what still is.
 * Every 10 s a line on standard error, which the engine shows, tells what is waited for and for how long.
 */
export async function waitUntil(wait: Wait, lacking: () => Promise<string | undefined>): Promise<void> {
  const begun = Date.now();
  let told = begun;
  for (;;) {
    const asked = Date.now();
    const missing = await lacking().catch((error: Error) => {
      if (error instanceof Final) throw error;
      return error.message;
    });
    if (missing === undefined) return;
    const seconds = Math.round((Date.now() - begun) / 1000);
    if (seconds >= wait.timeoutSeconds) {
      throw new Error(`${wait.what}: after ${seconds} s still ${missing}; look at ${wait.lookAt}`);
    }
    if (Date.now() - told >= 10_000) {
      told = Date.now();
      console.error(`${wait.what}: ${seconds} s so far: ${missing}; to see more: ${wait.lookAt}`);
    }
    // An emulated machine takes seconds to answer: asking must not be what keeps it busy.
    await sleep(Math.max((wait.everySeconds ?? 1) * 1000, 4 * (Date.now() - asked)));
  }
}

/** Thrown while waiting, it ends the wait: waiting longer would not help. */
export class Final extends Error {}
