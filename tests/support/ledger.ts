import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "./client";

/** A gateway, and the CA it is known by. */
export interface Gateway {
  readonly url: string;
  readonly caCertificate: string;
}

interface Attempt {
  /** Milliseconds since the epoch. */
  readonly begun: number;
  readonly ended: number;
  /** HTTP status, or why there is none. */
  readonly answer: number | string;
}

/** Writes numbered stories through a gateway without a pause, and remembers which were acknowledged. */
export class Ledger {
  readonly acknowledged: string[] = [];
  readonly attempts: Attempt[] = [];
  #running = true;
  #number = 0;
  readonly #writers: Promise<void>[];

  constructor(
    private readonly gateway: Gateway,
    private readonly name: string,
    writers = 4,
  ) {
    this.#writers = Array.from({ length: writers }, () => this.#write());
  }

  async #write(): Promise<void> {
    const client = connect(this.gateway);
    while (this.#running) {
      this.#number += 1;
      const subject = `${this.name} ${this.#number}`;
      const begun = Date.now();
      let answer: number | string;
      try {
        const body = { subject };
        answer = (await client.ask("/api/v1/userstories", { method: "POST", body, timeoutSeconds: 20 }))
          .status;
      } catch (error) {
        answer = (error as Error).name;
      }
      this.attempts.push({ begun, ended: Date.now(), answer });
      if (answer === 201) this.acknowledged.push(subject);
      await sleep(100);
    }
    client.close();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#writers);
  }

  /** When the first write begun after a moment was acknowledged, ms since the epoch; undefined while none was. */
  acknowledgedAfter(moment: number): number | undefined {
    const ends = this.attempts.filter(({ begun, answer }) => begun > moment && answer === 201);
    return ends.length === 0 ? undefined : Math.min(...ends.map(({ ended }) => ended));
  }

  /** The longest time from one acknowledgement to the next, seconds. */
  longestStall(): number {
    const ends = this.attempts.filter(({ answer }) => answer === 201).map(({ ended }) => ended);
    ends.sort((one, other) => one - other);
    return Math.max(0, ...ends.slice(1).map((end, index) => end - (ends[index] as number))) / 1000;
  }

  /** How often each answer came. */
  answers(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { answer } of this.attempts) counts[answer] = (counts[answer] ?? 0) + 1;
    return counts;
  }

  /** Acknowledged stories that a gateway does not list. */
  async missing(gateway: Gateway): Promise<string[]> {
    const client = connect(gateway);
    const stories = await client.json<{ subject: string }[]>("/api/v1/userstories");
    client.close();
    const found = new Set(stories.map(({ subject }) => subject));
    return this.acknowledged.filter((subject) => !found.has(subject));
  }
}

const connect = ({ url, caCertificate }: Gateway): Client => new Client({ caCertificate }, url);
