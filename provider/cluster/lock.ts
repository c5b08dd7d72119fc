import { setTimeout as sleep } from "node:timers/promises";
import type { Etcd3 } from "etcd3";
import type { Connection } from "../connection";

const key = "/taiga/locks/replacement";
/** Seconds until the lock is free again when its machine never comes back; else its next membership lets it go. */
const ttl = 1800;

/**
 * The cluster-wide right to take one machine away. Held from a machine's drain until its successor is whole; within this
 * process by a queue, against other processes by a key on a lease.
 */
export class ReplacementLock {
  #holder: string | undefined;

  async acquire(connection: Connection, machine: string, timeoutSeconds: number): Promise<void> {
    const until = Date.now() + timeoutSeconds * 1000;
    let told = Date.now();
    for (;;) {
      if (this.#holder === machine) return;
      if (this.#holder === undefined) {
        this.#holder = machine; // within this process from here on; no await between the question and the claim
        try {
          if (await connection.etcd.run((etcd) => this.#take(etcd, machine))) return;
        } catch (error) {
          this.#holder = undefined;
          throw error;
        }
        this.#holder = undefined;
      }
      if (Date.now() > until)
        throw new Error(
          `${machine}: another machine has been in replacement for ${timeoutSeconds} s; look at etcdctl get ${key}`,
        );
      if (Date.now() - told > 10_000) {
        told = Date.now();
        console.error(
          `${machine}: waits its turn to be replaced, after ${this.#holder ?? "a machine of another update"}`,
        );
      }
      await sleep(500);
    }
  }

  async #take(etcd: Etcd3, machine: string): Promise<boolean> {
    const { ID } = await etcd.leaseClient.leaseGrant({ TTL: ttl });
    const done = await etcd
      .if(key, "Version", "==", 0)
      .then(etcd.put(key).value(machine).lease(ID))
      .else(etcd.get(key))
      .commit();
    if (done.succeeded) return true;
    await etcd.leaseClient.leaseRevoke({ ID });
    return done.responses[0]?.response_range?.kvs[0]?.value.toString() === machine;
  }

  /** Ends this machine's replacement, also one that an earlier process began; does nothing to another's. */
  async release(connection: Connection, machine: string): Promise<void> {
    await connection.etcd.run((etcd) =>
      etcd.if(key, "Value", "==", machine).then(etcd.delete().key(key)).commit(),
    );
    if (this.#holder === machine) this.#holder = undefined;
  }
}
