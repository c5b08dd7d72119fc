import { FleetClient, type FleetMachine } from "../clients/fleet";
import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import { within } from "./members";
import { subnets } from "./subnets";

/** Asks a machine's own etcd for its health with a read that needs a quorum. */
export async function etcdLacks(connection: Connection, machine: Machine): Promise<string | undefined> {
  let client: Awaited<ReturnType<typeof connection.etcd.member>> | undefined;
  try {
    client = await connection.etcd.member(machine);
  } catch {
    return "etcd does not answer";
  }
  try {
    await within(10_000, client.get("/taiga/health").exec());
    return undefined;
  } catch (error) {
    return `etcd has no quorum (${(error as Error).message})`;
  } finally {
    client.close();
  }
}

/** The machines fleet knows, as one of these sees it if it can. */
export function fleetMachines(connection: Connection, machines: readonly Machine[]): Promise<FleetMachine[]> {
  const others = connection.machines.filter(({ address }) =>
    machines.every((one) => one.address !== address),
  );
  return new FleetClient([...machines, ...others], connection.ssh).listMachines();
}

/** What the cluster lacks of these machines, by name: etcd health, presence in fleet, a subnet of flannel's. */
export async function clusterLacks(
  connection: Connection,
  machines: readonly Machine[],
): Promise<string | undefined> {
  const health = await Promise.all(machines.map((machine) => etcdLacks(connection, machine)));
  // fleet and flannel live on etcd: while it has no quorum, asking them takes long and tells nothing.
  if (health.every((lacks) => lacks !== undefined)) return summary(machines, (index) => [health[index]]);
  const [present, leased] = await Promise.all([
    fleetMachines(connection, machines).catch(() => []),
    subnets(connection).catch((): ReadonlyMap<string, string> => new Map()),
  ]);
  return summary(machines, (index, { address }) => [
    health[index],
    present.some(({ primaryIP }) => primaryIP === address) ? undefined : "not in fleet",
    leased.has(address) ? undefined : "no subnet of flannel's",
  ]);
}

function summary(
  machines: readonly Machine[],
  lacks: (index: number, machine: Machine) => (string | undefined)[],
): string | undefined {
  const lacking = machines.flatMap((machine, index) => {
    const missing = lacks(index, machine).filter((one) => one !== undefined);
    return missing.length > 0 ? [`${machine.name}: ${missing.join(", ")}`] : [];
  });
  return lacking.length > 0 ? lacking.join("; ") : undefined;
}
