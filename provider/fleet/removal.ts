import { FleetClient } from "../clients/fleet";
import type { Connection } from "../connection";
import { waitUntil } from "../progress";
import { places } from "./gate/readings";

/**
 * Takes a unit out of fleet. Ends when no machine holds it or its sidekicks any more: what comes after may take its place.
 *
 * fleet's agent takes the unit's file away as soon as it has asked systemd to stop the unit, so that systemd knows neither its
 * `ExecStop=` nor that the sidekick stops first. Hence systemd stops it before fleet hears of it; fleet lets it be.
 * @param sidekicks units that fleet takes off their machine too, since they have nobody to go with, but some seconds later:
 *   one that was not awaited would stop again after it has begun beside the unit's successor.
 * @throws Error when a machine still holds one of them after two minutes.
 */
export async function takeOut(
  connection: Connection,
  id: string,
  sidekicks: readonly string[],
): Promise<void> {
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const leaving = [id, ...sidekicks];
  const wait = { what: `unit ${id} to stop`, lookAt: "`fleetctl list-units` on a machine" };
  await waitUntil({ ...wait, timeoutSeconds: stopSeconds }, async () => {
    await stop(connection, leaving, await whereabouts(connection, leaving));
    return undefined;
  });
  await fleet.want(id, "inactive"); // fleet's agents hear of a wish that changes, and not of a unit that is gone
  await fleet.remove(id);
  await waitUntil({ ...wait, timeoutSeconds: 120, everySeconds: 0.25 }, async () => {
    const on = await whereabouts(connection, leaving);
    const says = on.map(({ name, address }) => `${name} is on ${address}`);
    return says.length === 0 ? undefined : says.join(", ");
  });
}

interface Whereabouts {
  readonly name: string;
  /** Of the machine; its id when fleet does not know the machine any more. */
  readonly address: string;
}

async function whereabouts(connection: Connection, names: readonly string[]): Promise<Whereabouts[]> {
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const { states, machines } = (await places(connection, fleet, Date.now())).value;
  return states
    .filter(({ name }) => names.includes(name))
    .map(({ name, machineID }) => ({
      name,
      address: machines.find(({ id }) => id === machineID)?.primaryIP ?? machineID,
    }));
}

/** The longest `TimeoutStopSec=` there is in units/, and some. */
const stopSeconds = 150;

/** On each machine by one command, so that systemd keeps the units' order. A machine that cannot be asked is no obstacle. */
async function stop(
  { machines, ssh }: Connection,
  names: readonly string[],
  on: readonly Whereabouts[],
): Promise<void> {
  const concerned = machines.filter(({ address }) => on.some((each) => each.address === address));
  await Promise.all(
    concerned.map(async (machine) => {
      const units = names.map((name) => `'${name}'`).join(" ");
      await ssh
        .exec(machine, `sudo systemctl stop ${units}`, { timeoutSeconds: stopSeconds })
        .catch((error: Error) => console.error(`${error.message}; fleet is to stop it`));
    }),
  );
}
