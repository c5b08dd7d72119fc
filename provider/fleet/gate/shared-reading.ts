import { setTimeout as sleep } from "node:timers/promises";

/** One reading, going on or ended. Moments are milliseconds as Date.now() counts. */
interface Reading<T> {
  readonly begun: number;
  ended: number;
  readonly seen: Promise<T>;
}

export interface Seen<T> {
  readonly value: T;
  /** When the reading began, milliseconds as Date.now() counts. */
  readonly begun: number;
  /** How long the reading took, milliseconds. */
  readonly took: number;
}

/** A reading that takes longer hangs, at a machine that was lost perhaps: nobody waits for its end to begin the next. */
const hangs = 30_000;

/**
 * What many wait for side by side and is dear to read: they read together. One reading goes on at a time, and who came too
 * late for it shares the next with all others who did.
 */
export class SharedReading<T> {
  #last: Reading<T> | undefined;
  #next: Promise<Reading<T>> | undefined;

  /**
   * What a reading saw that began at `since` or later; `since` may be a while ago, for one who need not know better.
   * @param read used if this call begins the reading.
   * @throws whatever the reading throws, at all who share it.
   */
  async get(since: number, read: () => Promise<T>): Promise<Seen<T>> {
    const last = this.#last;
    const reading = last && last.begun >= since ? last : await this.#begun(read);
    const value = await reading.seen;
    return { value, begun: reading.begun, took: reading.ended - reading.begun };
  }

  #begun(read: () => Promise<T>): Promise<Reading<T>> | Reading<T> {
    if (this.#next) return this.#next;
    const last = this.#last;
    if (!last || Number.isFinite(last.ended)) return this.#begin(read);
    const begin = () => {
      this.#next = undefined;
      return this.#begin(read);
    };
    const hung = sleep(last.begun + hangs - Date.now(), undefined, { ref: false });
    this.#next = Promise.race([last.seen, hung]).then(begin, begin);
    return this.#next;
  }

  #begin(read: () => Promise<T>): Reading<T> {
    const begun = Date.now();
    const seen = read().finally(() => {
      reading.ended = Date.now();
    });
    const reading: Reading<T> = { begun, ended: Number.POSITIVE_INFINITY, seen };
    this.#last = reading;
    seen.catch(() => {
      if (this.#last === reading) this.#last = undefined;
    });
    return reading;
  }
}

/** A reading for each of what is read, shared by all who read it. */
export function sharedReading<From extends object, T>(): (from: From) => SharedReading<T> {
  const all = new WeakMap<From, SharedReading<T>>();
  return (from) => {
    const shared = all.get(from) ?? new SharedReading<T>();
    all.set(from, shared);
    return shared;
  };
}
