import type { FleetClient, FleetMachine, FleetUnit, UnitState } from "../../clients/fleet";
import type { Connection } from "../../connection";
import { type Seen, sharedReading } from "./shared-reading";

/** Where units are, and how they fare. */
export interface Places {
  readonly states: readonly UnitState[];
  readonly machines: readonly FleetMachine[];
}

/** What fleet knows at one moment. */
export interface Snapshot extends Places {
  readonly units: readonly FleetUnit[];
}

const allPlaces = sharedReading<Connection, Places>();

/**
 * Where units are, without the units themselves, of which fleetd reads each by itself: this may be asked often.
 * @param since milliseconds as Date.now() counts; what was seen by a reading that began before does not count.
 */
export const places = (connection: Connection, fleet: FleetClient, since: number): Promise<Seen<Places>> =>
  allPlaces(connection).get(since, () => readPlaces(fleet));

async function readPlaces(fleet: FleetClient): Promise<Places> {
  const [states, machines] = await Promise.all([fleet.states(), fleet.listMachines()]);
  return { states, machines };
}

/** fleetd reads all of its registry for each list: services that wait side by side look together. */
const looks = sharedReading<Connection, Snapshot>();

/**
 * What fleet knows, as somebody else may just have seen it.
 * @param since milliseconds as Date.now() counts; what was seen by a look that began before does not count.
 */
export const look = (connection: Connection, fleet: FleetClient, since: number): Promise<Seen<Snapshot>> =>
  looks(connection).get(since, () => snapshot(fleet));

export async function snapshot(fleet: FleetClient): Promise<Snapshot> {
  const [units, where] = await Promise.all([fleet.units(), readPlaces(fleet)]);
  return { units, ...where };
}
