import { FleetClient, type FleetMachine } from "../clients/fleet";
import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import { waitUntil } from "../progress";
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

/** What these machines lack to be given units, by name: etcd health, presence in fleet. */
export async function membersLack(
  connection: Connection,
  machines: readonly Machine[],
): Promise<string | undefined> {
  const health = await Promise.all(machines.map((machine) => etcdLacks(connection, machine)));
  // fleet lives on etcd: while that has no quorum, asking it takes long and tells nothing.
  if (health.every((lacks) => lacks !== undefined)) return summary(machines, (index) => [health[index]]);
  const present = await fleetMachines(connection, machines).catch(() => []);
  return summary(machines, (index, { address }) => [
    health[index],
    present.some(({ primaryIP }) => primaryIP === address) ? undefined : "not in fleet",
  ]);
}

/** What these members lack to run containers, by name: a subnet of flannel's, and Docker, which waits for that. */
export async function containersLack(
  connection: Connection,
  machines: readonly Machine[],
): Promise<string | undefined> {
  const leased = await subnets(connection).catch((): ReadonlyMap<string, string> => new Map());
  const lacks = await Promise.all(
    machines.map((machine) =>
      leased.has(machine.address) ? dockerLacks(connection, machine) : "no subnet of flannel's",
    ),
  );
  return summary(machines, (index) => [lacks[index]]);
}

/** What the cluster lacks of these machines, by name. */
export const clusterLacks = async (
  connection: Connection,
  machines: readonly Machine[],
): Promise<string | undefined> =>
  (await membersLack(connection, machines)) ?? containersLack(connection, machines);

/** Waits until the cluster lacks nothing of these machines. @param what is waited for, in the progress line */
export const untilWhole = (
  connection: Connection,
  machines: readonly Machine[],
  what: string,
): Promise<void> =>
  waitUntil(
    {
      what,
      timeoutSeconds: 900,
      lookAt: "npm run ssh -- MACHINE, then systemctl status etcd flanneld docker fleet",
    },
    () => clusterLacks(connection, machines),
  );

async function dockerLacks(connection: Connection, machine: Machine): Promise<string | undefined> {
  const { stdout } = await connection.ssh.exec(machine, "systemctl is-active docker");
  return stdout.trim() === "active" ? undefined : `docker is ${stdout.trim() || "not there"}`;
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
