import type { FleetClient, UnitState } from "../../provider/clients/fleet";
import { until } from "./until";

/**
 * What fleet says is active, once that is so many: a fleetd whose workers overtook each other publishes an older state, and
 * nothing newer for a quarter of a minute. @throws AssertionError when it is not in time
 */
export const activeStates = (fleet: FleetClient, count: number): Promise<UnitState[]> =>
  until(`${count} units are active in fleet`, 45, async () => {
    const active = (await fleet.states()).filter(({ systemdActiveState }) => systemdActiveState === "active");
    return active.length === count ? active : undefined;
  });
