import type { FleetClient, FleetMachine, FleetUnit, UnitState } from "../clients/fleet";
import type { Connection } from "../connection";
import { sharedReading } from "./shared-reading";

/** Where units are, and how they fare. */
export interface Places {
  readonly states: readonly UnitState[];
  readonly machines: readonly FleetMachine[];
}

/** What fleet knows at one moment. */
export interface Snapshot extends Places {
  readonly units: readonly FleetUnit[];
}

const allPlaces = sharedReading<Places>();

/**
 * Where units are, without the units themselves, of which fleetd reads each by itself: this may be asked often.
 * @param since milliseconds as Date.now() counts; what was seen by a reading that began before does not count.
 */
export async function places(connection: Connection, fleet: FleetClient, since: number): Promise<Places> {
  return (await allPlaces(connection).get(since, () => readPlaces(fleet))).value;
}

async function readPlaces(fleet: FleetClient): Promise<Places> {
  const [states, machines] = await Promise.all([fleet.states(), fleet.listMachines()]);
  return { states, machines };
}

/** fleetd reads all of its registry for each list: services that wait side by side look together. */
const looks = sharedReading<Snapshot>();

/**
 * What fleet knows, as somebody else may just have seen it.
 * @param since milliseconds as Date.now() counts; what was seen by a look that began before does not count.
 * @returns with it how long the look took, milliseconds.
 */
export async function look(
  connection: Connection,
  fleet: FleetClient,
  since: number,
): Promise<Snapshot & { readonly took: number }> {
  const { value, took } = await looks(connection).get(since, () => snapshot(fleet));
  return { ...value, took };
}

export async function snapshot(fleet: FleetClient): Promise<Snapshot> {
  const [units, where] = await Promise.all([fleet.units(), readPlaces(fleet)]);
  return { units, ...where };
}
