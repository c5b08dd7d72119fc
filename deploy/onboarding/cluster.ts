import type { Etcd3 } from "etcd3";
import { FleetClient } from "../../provider/clients/fleet";
import type { Connection } from "../../provider/connection";
import { type Snapshot, snapshot } from "../../provider/fleet/gate/readings";
import { type FoundKey, isUnder } from "./keys";

/** Keys a call: their values come one by one, since a message holds 4 MiB at most. */
const page = 1_000;
/** Values that are asked for at once. */
const atOnce = 16;

/** All keys under these paths, in their order. Leased ones come without their values. */
export async function readKeys(connection: Connection, paths: readonly string[]): Promise<FoundKey[]> {
  const lists = await Promise.all(paths.map((path) => listKeys(connection, Buffer.from(path))));
  // etcd knows bytes that a key begins with; a path ends at a slash.
  const under = lists.flat().filter(({ key }) => paths.includes("") || isUnder(key.toString(), paths));
  const all = [...new Map(under.map((each) => [each.key.toString("hex"), each])).values()];
  const found: FoundKey[] = [];
  for (let from = 0; from < all.length; from += atOnce) {
    const some = all.slice(from, from + atOnce);
    found.push(
      ...(
        await Promise.all(some.map((each) => (each.lease === "0" ? withValue(connection, each) : [each])))
      ).flat(),
    );
  }
  return found;
}

async function listKeys(connection: Connection, path: Buffer): Promise<FoundKey[]> {
  const found: FoundKey[] = [];
  let from = path.length > 0 ? path : Buffer.from([0]);
  for (;;) {
    const { kvs, more } = await connection.etcd.run((etcd) => listPage(etcd, from, after(path)));
    found.push(...kvs.map(({ key, lease }) => ({ key, lease, value: Buffer.alloc(0) })));
    const last = kvs.at(-1)?.key;
    if (!more || !last) return found;
    from = Buffer.concat([last, Buffer.from([0])]);
  }
}

const listPage = (etcd: Etcd3, key: Buffer, end: Buffer) =>
  etcd.kv.range({ key, range_end: end, keys_only: true, limit: page });

/** The end of the range of all keys that begin with these bytes; a zero byte stands for the end of all. */
function after(path: Buffer): Buffer {
  for (let at = path.length - 1; at >= 0; at -= 1) {
    const byte = path[at] as number;
    if (byte < 0xff) return Buffer.concat([path.subarray(0, at), Buffer.from([byte + 1])]);
  }
  return Buffer.from([0]);
}

/** Nothing for a key that was deleted meanwhile. */
async function withValue(connection: Connection, { key }: FoundKey): Promise<FoundKey[]> {
  const { kvs } = await connection.etcd.run((etcd) => etcd.kv.range({ key }));
  return kvs.map(({ key: name, value, lease }) => ({ key: name, value, lease }));
}

/** All units, where they are, and the machines. */
export const readFleet = (connection: Connection): Promise<Snapshot> =>
  snapshot(new FleetClient(connection.machines, connection.ssh));
