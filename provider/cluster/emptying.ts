import type { FleetMachine, FleetUnit } from "../clients/fleet";
import { isEligible, lacksOf } from "../fleet/gate/lacks";
import type { Snapshot } from "../fleet/gate/readings";
import { isGlobal } from "../fleet/unit-file";
import { company, machineIds } from "../fleet/x-fleet";

/** The units of a machine that is to be emptied, by whether another machine may take them. */
export interface Places {
  readonly movable: readonly string[];
  /** Bound to this machine by name, metadata or the company of such a unit: they end with it. */
  readonly bound: readonly string[];
}

/** What is active on a machine, less the global units, which every machine has. */
export function placesOn({ units, states, machines }: Snapshot, address: string): Places {
  const machine = machines.find(({ primaryIP }) => primaryIP === address);
  const others = machines.filter((each) => each !== machine);
  const active = units.filter(
    (unit) =>
      !isGlobal(unit.options) &&
      states.some(
        ({ name, machineID, systemdActiveState }) =>
          name === unit.name && machineID === machine?.id && systemdActiveState === "active",
      ),
  );
  const bound = new Set(active.filter((unit) => !others.some((other) => mayRunOn(unit, other))));
  for (let before = -1; before !== bound.size; ) {
    before = bound.size;
    const names = [...bound].map(({ name }) => name);
    for (const unit of active)
      if (company(unit.name, unit.options).some((peer) => names.includes(peer))) bound.add(unit);
  }
  return {
    movable: active.filter((unit) => !bound.has(unit)).map(({ name }) => name),
    bound: [...bound].map(({ name }) => name),
  };
}

/** What is still to be done: fleet knows the machine, or units of it are not active elsewhere yet. */
export function notEmptied(now: Snapshot, address: string, movable: readonly string[]): string | undefined {
  if (now.machines.some(({ primaryIP }) => primaryIP === address)) return "fleet still counts on it";
  // A unit that was taken out of fleet meanwhile is not missed.
  const there = movable.filter((name) => now.units.some((unit) => unit.name === name));
  return (
    lacksOf(now, there)
      .map(({ says }) => says)
      .join(", ") || undefined
  );
}

const mayRunOn = (unit: FleetUnit, machine: FleetMachine): boolean =>
  isEligible(unit, machine) && machineIds(unit.options).every((id) => machine.id.startsWith(id));
