import { FleetClient } from "../../provider/clients/fleet";
import type { Connection } from "../../provider/connection";
import { type FoundKey, readRange } from "../../provider/etcd/range";
import { type Snapshot, snapshot } from "../../provider/fleet/gate/readings";
import { isUnder } from "./keys";

/** All keys under these paths, in their order. */
export async function readKeys(connection: Connection, paths: readonly string[]): Promise<FoundKey[]> {
  const lists: FoundKey[][] = [];
  for (const path of paths) lists.push(await readRange((ask) => connection.etcd.run(ask), path));
  // etcd knows bytes that a key begins with; a path ends at a slash.
  const under = lists.flat().filter(({ key }) => paths.includes("") || isUnder(key.toString(), paths));
  return [...new Map(under.map((each) => [each.key.toString("hex"), each])).values()];
}

/** All units, where they are, and the machines. */
export const readFleet = (connection: Connection): Promise<Snapshot> =>
  snapshot(new FleetClient(connection.machines, connection.ssh));
