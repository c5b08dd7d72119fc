import { setTimeout as sleep } from "node:timers/promises";
import type { Etcd3 } from "etcd3";
import type { Connection } from "../connection";
import { unlessInterrupted } from "../interrupt";

const key = "/taiga/locks/replacement";
/** Seconds until the lock is free again when its machine never comes back; else its next membership lets it go. */
const ttl = 1800;

/**
 * The cluster-wide right to take one machine away. Held from a machine's drain until its successor is whole; within this
 * process by a queue, against other processes by a key on a lease. Bootstrap takes no lock: it takes nothing away.
 */
export class ReplacementLock {
  #holder: string | undefined;
  /** Why the holder's successor did not come: nobody else's turn comes then, in this process. */
  #failure: string | undefined;

  /** @param patienceSeconds how long any one other machine may hold the lock before this one gives up. */
  async acquire(connection: Connection, machine: string, patienceSeconds: number): Promise<void> {
    let before = "";
    let since = Date.now();
    let told = since;
    for (;;) {
      if (this.#holder === machine) return;
      if (this.#failure)
        throw new Error(
          `${machine}: not taken away, and as it was: ${this.#holder} failed first: ${this.#failure}`,
        );
      let other = this.#holder;
      if (other === undefined) {
        this.#holder = machine; // within this process from here on; no await between the question and the claim
        try {
          other = await connection.etcd.run((etcd) => take(etcd, machine));
        } catch (error) {
          this.#holder = undefined;
          throw error;
        }
        if (other === undefined) return;
        this.#holder = undefined;
      }
      if (other !== before) {
        before = other;
        since = Date.now();
      }
      const seconds = Math.round((Date.now() - since) / 1000);
      if (seconds > patienceSeconds)
        throw new Error(
          `${machine}: not taken away, and as it was: ${other} has had its turn for ${seconds} s; look at it ` +
            `(virsh console ${other}); where nothing replaces it any more: etcdctl del ${key}`,
        );
      if (Date.now() - told >= 10_000) {
        told = Date.now();
        console.error(`${machine}: ${seconds} s so far: waits its turn, after ${other}`);
      }
      await unlessInterrupted(sleep(500));
    }
  }

  /** Ends this machine's replacement, also one that an earlier process began; does nothing to another's. */
  async release(connection: Connection, machine: string): Promise<void> {
    await connection.etcd.run((etcd) =>
      etcd.if(key, "Value", "==", machine).then(etcd.delete().key(key)).commit(),
    );
    if (this.#holder !== machine) return;
    this.#holder = undefined;
    this.#failure = undefined;
  }

  /** Says that this machine's successor did not come: those in the queue give up at once, for the cluster is not whole. */
  fail(machine: string, why: string): void {
    if (this.#holder === machine) this.#failure = why;
  }
}

/** @returns who has the lock instead. A machine's own lock, from a process that was killed, is taken over. */
async function take(etcd: Etcd3, machine: string): Promise<string | undefined> {
  const { ID } = await etcd.leaseClient.leaseGrant({ TTL: ttl });
  const claim = etcd.put(key).value(machine).lease(ID);
  const free = await etcd.if(key, "Version", "==", 0).then(claim).else(etcd.get(key)).commit();
  if (free.succeeded) return undefined;
  const own = await etcd.if(key, "Value", "==", machine).then(claim).commit();
  if (own.succeeded) return undefined;
  await etcd.leaseClient.leaseRevoke({ ID });
  return free.responses[0]?.response_range?.kvs[0]?.value.toString() ?? "another";
}

/** This process's: the kinds of resources that take machines away wait for each other. */
export const lock = new ReplacementLock();
