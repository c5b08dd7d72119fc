import type { FleetUnit } from "../provider/clients/fleet";
import { FleetClient } from "../provider/clients/fleet";
import type { Connection } from "../provider/connection";
import { readRange } from "../provider/etcd/range";
import { firstUsers, writtenWhileRunning } from "../provider/etcd/running";

/** What etcd and fleet have that `pulumi up` does not make: keys and units of the user's own, Patroni's settings. */
export interface ControlPlane {
  readonly keys: Readonly<Record<string, string>>;
  readonly units: readonly Pick<FleetUnit, "name" | "options" | "desiredState">[];
}

/** The parts of `pulumi stack export` that name what is in etcd and fleet. */
export interface Deployment {
  readonly resources?: readonly { readonly type: string; readonly inputs?: Record<string, unknown> }[];
}

/** Patroni's settings, which `patronictl edit-config` changes. */
const patroni = "/service/taiga/config";

interface StoredKey {
  readonly key: string;
  readonly value: string;
  readonly leased: boolean;
}

/** The keys worth keeping: not on a lease, not made while the cluster runs, and not the program's. */
export function keysToKeep(
  all: readonly StoredKey[],
  { resources = [] }: Deployment,
): Record<string, string> {
  const declared = new Set(
    resources.flatMap(({ type, inputs = {} }) => {
      if (type.endsWith("/etcd:Key")) return [String(inputs.key)];
      if (!type.endsWith("/etcd:Prefix")) return [];
      return Object.keys((inputs.values ?? {}) as object).map((name) => `${inputs.prefix}/${name}`);
    }),
  );
  return Object.fromEntries(
    all
      .filter(({ key, leased }) => !leased && !declared.has(key))
      .filter(({ key }) => key === patroni || !writtenWhileRunning.some((prefix) => key.startsWith(prefix)))
      .map(({ key, value }) => [key, value]),
  );
}

/** The units that the program does not declare. */
export function unitsToKeep(
  all: readonly FleetUnit[],
  { resources = [] }: Deployment,
): ControlPlane["units"] {
  const declared = new Set(
    resources.filter(({ type }) => type.endsWith("/fleet:Unit")).map(({ inputs }) => String(inputs?.name)),
  );
  return all
    .filter(({ name }) => !declared.has(name))
    .map(({ name, options, desiredState }) => ({ name, options, desiredState }));
}

export async function readControlPlane(
  connection: Connection,
  deployment: Deployment,
): Promise<ControlPlane> {
  const found = await readRange((ask) => connection.etcd.run(ask), "");
  const keys = found.map(({ key, value, lease }) => ({
    key: key.toString(),
    value: value.toString(),
    leased: lease !== "0",
  }));
  const fleet = new FleetClient(connection.machines, connection.ssh);
  return { keys: keysToKeep(keys, deployment), units: unitsToKeep(await fleet.units(), deployment) };
}

/** Puts back what is missing or different. @returns how many keys and units. */
export async function writeControlPlane(
  connection: Connection,
  { keys, units }: ControlPlane,
): Promise<{ keys: number; units: number }> {
  let written = 0;
  for (const [key, value] of Object.entries(keys)) {
    if ((await connection.etcd.run((etcd) => etcd.get(key).string())) === value) continue;
    await connection.etcd.run((etcd) => etcd.put(key).value(value));
    written += 1;
  }
  for (const key of await connection.etcd.run((etcd) => etcd.getAll().prefix(firstUsers).keys()))
    if (!(key in keys)) await connection.etcd.run((etcd) => etcd.delete().key(key));
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const present = new Set((await fleet.units()).map(({ name }) => name));
  const missing = units.filter(({ name }) => !present.has(name));
  for (const { name, desiredState, options } of missing) await fleet.put(name, desiredState, options);
  return { keys: written, units: missing.length };
}
