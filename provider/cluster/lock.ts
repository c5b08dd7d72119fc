import { setTimeout as sleep } from "node:timers/promises";
import type { Etcd3, Lease } from "etcd3";
import type { Connection } from "../connection";

const key = "/taiga/locks/replacement";
/** Seconds until the lock of a process that died is free again. */
const ttl = 60;

/**
 * The cluster-wide right to take one machine away. Held from a machine's drain until its successor is whole; within this
 * process by a queue, against other processes by a key on a lease.
 */
export class ReplacementLock {
  #holder: string | undefined;
  #lease: Lease | undefined;

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
    const lease = etcd.lease(ttl, { autoKeepAlive: true });
    lease.on("lost", () => {}); // the cluster may be below full strength for a moment; holders in this process still queue
    const id = await lease.grant();
    const done = await etcd
      .if(key, "Version", "==", 0)
      .then(etcd.put(key).value(machine).lease(id))
      .else(etcd.get(key))
      .commit();
    const holder = done.responses[0]?.response_range?.kvs[0]?.value.toString();
    if (done.succeeded || holder === machine) {
      this.#lease = lease;
      return true;
    }
    await lease.revoke().catch(() => {});
    return false;
  }

  /** Lets go if this machine's replacement holds the lock; does nothing otherwise. */
  async release(machine: string): Promise<void> {
    if (this.#holder !== machine) return;
    const lease = this.#lease;
    this.#lease = undefined;
    this.#holder = undefined;
    await lease?.revoke().catch(() => lease.release()); // what cannot be revoked now ends with its time
  }
}
