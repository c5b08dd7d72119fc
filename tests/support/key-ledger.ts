import { setTimeout as sleep } from "node:timers/promises";
import type { Etcd3 } from "etcd3";
import type { Machine } from "../../provider/clients/ssh";
import type { Connection } from "../../provider/connection";

/**
 * How long one write is waited for, in milliseconds. A proposal that reaches a leader while it hands over is dropped without a
 * word, and etcd answers it after five seconds and two election timeouts, though it takes every other write meanwhile.
 */
const patience = 1_500;

/** Writes numbered keys to one machine's etcd, all the while, and keeps a ledger of what was acknowledged. */
export class KeyLedger {
  readonly #acknowledged = new Set<string>();
  #writing: Promise<void> | undefined;
  #stopped = false;
  #last = Date.now();
  /** Longest time without an acknowledgement, in milliseconds. */
  longestStall = 0;
  failures = 0;

  constructor(
    private readonly connection: Connection,
    private readonly machine: Machine,
  ) {}

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  start(): void {
    this.#last = Date.now();
    this.#writing = this.#write();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
  }

  async #write(): Promise<void> {
    let client: Etcd3 | undefined;
    for (let number = 1; !this.#stopped; number += 1) {
      const key = `/ledger/${String(number).padStart(8, "0")}`;
      try {
        client ??= await this.connection.etcd.member(this.machine);
        await client
          .put(key)
          .value(key)
          .options({ deadline: Date.now() + patience })
          .exec();
        this.#acknowledged.add(key);
        this.longestStall = Math.max(this.longestStall, Date.now() - this.#last);
        this.#last = Date.now();
      } catch {
        this.failures += 1; // nobody was told that it is there
        client?.close();
        client = undefined;
        await sleep(100);
      }
      await sleep(10);
    }
    client?.close();
  }

  /** Waits for another acknowledgement: writes go on. @throws Error when none comes in time. */
  async goesOn(seconds: number): Promise<void> {
    const before = this.acknowledged;
    const until = Date.now() + seconds * 1000;
    while (this.acknowledged === before) {
      if (Date.now() > until) throw new Error(`no write was acknowledged for ${seconds} s`);
      await sleep(50);
    }
  }

  /** Keys that were acknowledged and are not there. */
  async lost(): Promise<string[]> {
    const acknowledged = [...this.#acknowledged];
    const there = new Set(await this.connection.etcd.run((etcd) => etcd.getAll().prefix("/ledger/").keys()));
    return acknowledged.filter((key) => !there.has(key));
  }
}
