import type { FleetMachine, FleetUnit, UnitState } from "../../clients/fleet";
import { isGlobal } from "../unit-file";
import { expandSpecifiers } from "../unit-name";
import { requiredMetadata } from "../x-fleet";
import type { Snapshot } from "./readings";

/** What a unit is on a machine it should be active on. */
export interface Lack {
  readonly unit: string;
  readonly machine?: FleetMachine;
  readonly state?: UnitState;
  /** For a person: what is not as it should be. */
  readonly says: string;
}

/** Where each unit is not active though it should be: a global unit on every machine with the metadata it asks for. */
export function lacksOf({ units, states, machines }: Snapshot, names: readonly string[]): Lack[] {
  return names.flatMap((name): Lack[] => {
    const unit = units.find((each) => each.name === name);
    if (!unit) return [{ unit: name, says: `${name} is not in fleet` }];
    const wanted = machinesOf(unit, machines);
    if (wanted.length > 0) return wanted.flatMap((machine) => lacksOn(name, machine, states));
    const why = isGlobal(unit.options) ? "global, but no machine has its metadata" : "on no machine yet";
    return [{ unit: name, says: `${name} is ${why}` }];
  });
}

/** Where a unit is to be: a global one on every machine with the metadata it asks for, another where fleet has put it. */
const machinesOf = (unit: FleetUnit, machines: readonly FleetMachine[]): FleetMachine[] =>
  machines.filter((machine) =>
    isGlobal(unit.options) ? isEligible(unit, machine) : machine.id === unit.machineID,
  );

/** What is not active though it should be on one machine: units that are there, that are global, or that no other may have. */
export function lacksAt({ units, states, machines }: Snapshot, address: string): Lack[] {
  const machine = machines.find(({ primaryIP }) => primaryIP === address);
  if (!machine) return [];
  return units
    .filter(({ desiredState }) => desiredState === "launched")
    .flatMap((unit): Lack[] => {
      if (unit.machineID === machine.id || (isGlobal(unit.options) && isEligible(unit, machine)))
        return lacksOn(unit.name, machine, states);
      const isAwaited = !unit.machineID && !isGlobal(unit.options) && isEligible(unit, machine);
      const hasOther = machines.some((each) => each !== machine && isEligible(unit, each));
      return isAwaited && !hasOther ? [{ unit: unit.name, says: `${unit.name} is on no machine yet` }] : [];
    });
}

export interface Placement {
  readonly unit: string;
  /** `undefined`: fleet has not found one for it. */
  readonly machine?: FleetMachine;
}

/** Where units are to be. */
export function placementsOf(
  { units, machines }: Pick<Snapshot, "units" | "machines">,
  names: readonly string[],
): Placement[] {
  const wanted = new Set(names);
  return units
    .filter(({ name }) => wanted.has(name))
    .flatMap((unit) => {
      const places = machinesOf(unit, machines).map((machine) => ({ unit: unit.name, machine }));
      return places.length > 0 ? places : [{ unit: unit.name }];
    });
}

function lacksOn(name: string, machine: FleetMachine, states: readonly UnitState[]): Lack[] {
  const state = states.find((each) => each.name === name && each.machineID === machine.id);
  if (state?.systemdActiveState === "active") return [];
  const is = state ? `${state.systemdActiveState}/${state.systemdSubState}` : "not loaded";
  return [{ unit: name, machine, ...(state && { state }), says: `${name} on ${machine.primaryIP} is ${is}` }];
}

/** Whether a machine has the metadata a unit asks for. */
export function isEligible(unit: FleetUnit, machine: FleetMachine): boolean {
  const options = unit.options.filter(({ section }) => section === "X-Fleet");
  const wanted = requiredMetadata(
    options.map((option) => ({ ...option, value: expandSpecifiers(option.value, unit.name) })),
  );
  return [...wanted].every(([key, values]) => values.has(machine.metadata?.[key] ?? ""));
}
