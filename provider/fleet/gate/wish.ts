import type { FleetClient } from "../../clients/fleet";
import type { Connection } from "../../connection";

/** Milliseconds. Gates that wait side by side wish together. */
const interval = 250;

const last = new WeakMap<Connection, number>();

/**
 * Makes fleet's engine and its agents look at their units now, which they would do by themselves every few seconds only. Each
 * hears of one change to fleet's units at a time, looks a second later, and is deaf until then; of a new unit it hears that it
 * is there, which is not yet a reason to look. So the wish for a unit is written again, and more than once.
 * @param unit one that is launched; nothing happens if fleet has none of this name, or it is to be in another state.
 */
export async function wishAgain(connection: Connection, fleet: FleetClient, unit: string): Promise<void> {
  if (Date.now() - (last.get(connection) ?? 0) < interval) return;
  last.set(connection, Date.now());
  try {
    if ((await fleet.unit(unit))?.desiredState === "launched") await fleet.want(unit, "launched");
  } catch {
    // What is waited for comes without it too, later.
  }
}
