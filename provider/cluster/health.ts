import { FleetClient } from "../clients/fleet";
import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import { within } from "./bootstrap";

/** Asks a machine's own etcd for its health with a read that needs a quorum. */
export async function etcdLacks(connection: Connection, machine: Machine): Promise<string | undefined> {
  let client: Awaited<ReturnType<typeof connection.etcd.member>> | undefined;
  try {
    client = await connection.etcd.member(machine);
    await within(10_000, client.get("/taiga/health").exec());
    return undefined;
  } catch (error) {
    return `etcd: ${(error as Error).message.split(";")[0]}`;
  } finally {
    client?.close();
  }
}

/** What the cluster lacks of these machines, by name: etcd health, presence in fleet, a subnet of flannel's. */
export async function clusterLacks(
  connection: Connection,
  machines: readonly Machine[],
): Promise<string | undefined> {
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const [health, present, leases] = await Promise.all([
    Promise.all(machines.map(async (machine) => ({ machine, lacks: await etcdLacks(connection, machine) }))),
    fleet.listMachines().catch(() => []),
    connection.etcd
      .run((etcd) => etcd.getAll().prefix("/coreos.com/network/subnets/").strings())
      .catch(() => ({})),
  ]);
  const publicIps = Object.values(leases as Record<string, string>).map(
    (lease) => (JSON.parse(lease) as { PublicIP?: string }).PublicIP,
  );
  const lacking = health.flatMap(({ machine, lacks }) => {
    const missing = [
      ...(lacks ? [lacks] : []),
      ...(present.some(({ primaryIP }) => primaryIP === machine.address) ? [] : ["not in fleet"]),
      ...(publicIps.includes(machine.address) ? [] : ["no subnet"]),
    ];
    return missing.length > 0 ? [`${machine.name}: ${missing.join(", ")}`] : [];
  });
  return lacking.length > 0 ? lacking.join("; ") : undefined;
}
