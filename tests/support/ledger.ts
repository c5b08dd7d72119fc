import { setTimeout as sleep } from "node:timers/promises";
import { longestStall } from "../../faults/outage";
import { Client } from "./client";
import type { Kind } from "./ledger-kinds";
import { stories } from "./ledger-kinds";

/** A gateway, and the CA it is known by. */
export interface Gateway {
  readonly url: string;
  readonly caCertificate: string;
}

export interface Attempt {
  /** The name of what was asked for: stories, reads, ... */
  readonly what: string;
  /** What was to be written. */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly begun: number;
  readonly ended: number;
  /** HTTP status, or why there is none. */
  readonly answer: number | string;
  readonly succeeded: boolean;
  /** Of one that failed: the beginning of the answer's text, or the error's message. */
  readonly says?: string;
}

export interface LedgerOptions {
  /** What is asked for, each by writers of its own. Default: stories. */
  readonly kinds?: readonly Kind[];
  /** Writers of each kind. Default: 4. */
  readonly writers?: number;
  /** Default: 20. */
  readonly timeoutSeconds?: number;
  /** Whether a writer keeps its connection; of `some`, every other one does. Default: all. */
  readonly keepAlive?: "all" | "some";
}

/** Writes numbered things through a gateway without a pause, and remembers which were acknowledged. */
export class Ledger {
  readonly attempts: Attempt[] = [];
  readonly #acknowledged = new Map<Kind, Attempt[]>();
  readonly #kinds: readonly Kind[];
  readonly #writers: Promise<void>[];
  #running = true;
  #slower = 1;
  #number = 0;

  constructor(
    private readonly gateway: Gateway,
    private readonly name: string,
    private readonly options: LedgerOptions = {},
  ) {
    this.#kinds = options.kinds ?? [stories];
    this.#writers = this.#kinds.flatMap((kind) =>
      Array.from({ length: options.writers ?? 4 }, (_, index) => this.#write(kind, index)),
    );
  }

  async #write(kind: Kind, index: number): Promise<void> {
    const { timeoutSeconds = 20, keepAlive = "all" } = this.options;
    const client = connect(this.gateway, keepAlive === "all" || index % 2 === 0);
    const acknowledged = this.#acknowledged.get(kind) ?? [];
    this.#acknowledged.set(kind, acknowledged);
    while (this.#running) {
      this.#number += 1;
      const subject = `${this.name} ${this.#number}`;
      const begun = Date.now();
      let answer: number | string;
      let says: string;
      try {
        ({ status: answer, text: says } = await kind.ask(client, subject, timeoutSeconds));
      } catch (error) {
        ({ name: answer, message: says } = error as Error);
      }
      const ended = Date.now();
      const succeeded = answer === kind.success;
      const attempt = { what: kind.name, subject, begun, ended, answer, succeeded };
      this.attempts.push(succeeded ? attempt : { ...attempt, says: says.slice(0, 200) });
      if (succeeded) acknowledged.push(attempt);
      await sleep((kind.pause ?? 100) * this.#slower);
    }
    client.close();
  }

  /** Asks less often from here on: what has to be made good is made good meanwhile. */
  slowDown(times: number): void {
    this.#slower = times;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#writers);
  }

  /** How many writes were acknowledged; reads are none. */
  get acknowledged(): number {
    return this.#written().reduce((sum, [, attempts]) => sum + attempts.length, 0);
  }

  #written() {
    return [...this.#acknowledged].filter(([kind]) => kind.found);
  }

  /** When the first write begun after a moment was acknowledged, ms since the epoch; undefined while none was. */
  acknowledgedAfter(moment: number): number | undefined {
    const ends = this.attempts.filter(({ begun, succeeded }) => begun > moment && succeeded);
    return ends.length === 0 ? undefined : Math.min(...ends.map(({ ended }) => ended));
  }

  /** The longest time from one acknowledgement to the next, seconds. */
  longestStall(): number {
    return longestStall(this.attempts);
  }

  /** How often each answer came. */
  answers(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { answer } of this.attempts) counts[answer] = (counts[answer] ?? 0) + 1;
    return counts;
  }

  /**
   * What was acknowledged and a gateway does not have: workers may write down what they were given a while after.
   * @param seconds it is asked again for as long
   */
  async lost(gateway: Gateway, seconds = 60): Promise<Attempt[]> {
    for (const end = Date.now() + seconds * 1000; ; await sleep(1_000)) {
      try {
        const missing = await this.#missing(gateway);
        if (missing.length === 0 || Date.now() > end) return missing;
      } catch (error) {
        if (Date.now() > end) throw error;
      }
    }
  }

  async #missing(gateway: Gateway): Promise<Attempt[]> {
    const client = connect(gateway);
    try {
      const lost: Attempt[] = [];
      for (const [kind, attempts] of this.#written()) {
        const found = await kind.found?.(
          client,
          attempts.map(({ subject }) => subject),
        );
        lost.push(...attempts.filter(({ subject }) => !found?.has(subject)));
      }
      return lost;
    } finally {
      client.close();
    }
  }
}

const connect = ({ url, caCertificate }: Gateway, keepAlive = true): Client =>
  new Client({ caCertificate }, url, { keepAlive });
