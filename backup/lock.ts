import { EtcdLockFailedError } from "etcd3";
import type { Connection } from "../provider/connection";

const key = "/taiga/locks/backup";

/** Has one backup or restore of a cluster at a time. The lock ends by itself half a minute after a process that was killed. */
export async function withLock<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  const lock = (await connection.etcd.client()).lock(key).ttl(30);
  try {
    await lock.acquire();
  } catch (error) {
    if (!(error instanceof EtcdLockFailedError)) throw error;
    throw new Error(
      "another backup or restore of this cluster is under way, or was killed less than 30 s ago",
    );
  }
  try {
    return await work();
  } finally {
    await lock.release().catch(() => {});
  }
}
