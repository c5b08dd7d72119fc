import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted, unlessInterrupted } from "./interrupt";

export interface Wait {
  /** What is waited for, for the progress line and the error. */
  readonly what: string;
  readonly timeoutSeconds: number;
  /** What to look at when it takes too long. */
  readonly lookAt: string;
  /** Default: 1. */
  readonly everySeconds?: number;
  /** Whether asking leaves the machine at rest. Otherwise the pause grows with the time that an answer takes. Default: false. */
  readonly isFree?: boolean;
}

/**
 * Asks until the answer is `undefined`, which means nothing is lacking; a text says what still is.
 * Every 10 s, and the less often the longer it lasts, a line on standard error, which the engine shows, tells what is waited for and for how long.
 * @throws Error when it takes too long, with what is still lacking; Interrupted when the engine was interrupted.
 */
export async function waitUntil(wait: Wait, lacking: () => Promise<string | undefined>): Promise<void> {
  const begun = Date.now();
  const seconds = () => Math.round((Date.now() - begun) / 1000);
  let missing: string | undefined = "no answer";
  // By a timer, since one question to a machine that is not there may itself take a minute.
  let timer: NodeJS.Timeout | undefined;
  const tellAfter = (pause: number) => {
    timer = setTimeout(() => {
      console.error(`${wait.what}: ${seconds()} s so far: ${short(missing)}; to see more: ${wait.lookAt}`);
      tellAfter(untilNextLine(seconds()));
    }, pause * 1000);
  };
  tellAfter(untilNextLine(0));
  try {
    for (;;) {
      const asked = Date.now();
      missing = await unlessInterrupted(lacking()).catch((error: Error) => {
        if (error instanceof Final || error instanceof Interrupted) throw error;
        return error.message;
      });
      if (missing === undefined) return;
      if (seconds() >= wait.timeoutSeconds) {
        throw new Error(`${wait.what}: after ${seconds()} s still ${missing}; look at ${wait.lookAt}`);
      }
      const least = (wait.everySeconds ?? 1) * 1000;
      await unlessInterrupted(sleep(wait.isFree ? least : pauseAfter(Date.now() - asked, least)));
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`${wait.what}: after ${seconds()} s still ${missing}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Seconds to the next line about a wait that has lasted for some: a dozen of them wait at once, on slow machines for minutes. */
export const untilNextLine = (waited: number): number => Math.min(60, Math.max(10, waited / 4));

/** As much as a line has room for. */
export const short = (text = "", room = 200): string =>
  text.length <= room ? text : `${text.slice(0, text.lastIndexOf(", ", room)).slice(0, room)} …`;

/** An emulated machine takes seconds to answer: asking must not be what keeps it busy. All in milliseconds. */
export const pauseAfter = (took: number, least: number): number =>
  Math.max(least, Math.min(4 * took, 15_000));

/** Thrown while waiting, it ends the wait: waiting longer would not help. */
export class Final extends Error {}
