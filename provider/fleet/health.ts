import { setTimeout as sleep } from "node:timers/promises";
import type { FleetClient, FleetMachine, FleetUnit, UnitState } from "../clients/fleet";
import type { Connection } from "../connection";
import { Final, waitUntil } from "../progress";
import { sharedReading } from "./shared-reading";
import { isGlobal } from "./unit-file";
import { expandSpecifiers } from "./unit-name";
import { requiredMetadata } from "./x-fleet";

/** What a unit is on a machine it should be active on. */
export interface Lack {
  readonly unit: string;
  readonly machine?: FleetMachine;
  readonly state?: UnitState;
  /** For a person: what is not as it should be. */
  readonly says: string;
}

/** What fleet knows at one moment. */
export interface Snapshot {
  readonly units: readonly FleetUnit[];
  readonly states: readonly UnitState[];
  readonly machines: readonly FleetMachine[];
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
  const [units, states, machines] = await Promise.all([fleet.units(), fleet.states(), fleet.listMachines()]);
  return { units, states, machines };
}

/** Where each unit is not active though it should be: a global unit on every machine with the metadata it asks for. */
export function lacksOf({ units, states, machines }: Snapshot, names: readonly string[]): Lack[] {
  return names.flatMap((name): Lack[] => {
    const unit = units.find((each) => each.name === name);
    if (!unit) return [{ unit: name, says: `${name} is not in fleet` }];
    if (!isGlobal(unit.options)) {
      const machine = machines.find(({ id }) => id === unit.machineID);
      if (!machine) return [{ unit: name, says: `${name} is on no machine yet` }];
      return lacksOn(name, machine, states);
    }
    const wanted = machines.filter((machine) => isEligible(unit, machine));
    if (wanted.length === 0)
      return [{ unit: name, says: `${name} is global, but no machine has its metadata` }];
    return wanted.flatMap((machine) => lacksOn(name, machine, states));
  });
}

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

export interface Patience {
  readonly timeoutSeconds: number;
  /** After this all must still be active, so that a unit which falls over at once is not taken for healthy. */
  readonly settleSeconds: number;
}

/** systemd has given up on a unit that stays failed; one it starts again is failed for a moment only. */
const failedForSeconds = 15;
/** Each agent looks every five seconds unless told; one wish written again makes all look at all now. Later it would not help. */
const nudges = 5;
/** Milliseconds. A fleet that takes longer to answer is busy, as on emulated machines: wishes would only keep it so. */
const quick = 1_000;

/**
 * Waits until every unit is active wherever it should be, and stays so.
 * @throws Error with the last log lines of those that are not, when they take too long or systemd gave up on one.
 */
export async function untilActive(
  connection: Connection,
  fleet: FleetClient,
  names: readonly string[],
  patience: Patience,
): Promise<void> {
  let lacks: Lack[] = [];
  let tries = 0;
  const failing = new Failing();
  const begun = Date.now();
  const lacking = async (): Promise<string | undefined> => {
    const { took, ...seen } = await look(connection, fleet, begun);
    lacks = lacksOf(seen, names);
    if (lacks.length === 0) {
      await sleep(patience.settleSeconds * 1000);
      lacks = lacksOf(await look(connection, fleet, Date.now()), names);
    }
    if (lacks.length === 0) return undefined;
    tries += 1;
    const known = lacks.find(({ unit }) => seen.units.some(({ name }) => name === unit));
    if (took < quick && tries <= nudges && known) await nudge(fleet, known.unit);
    if (failing.lasting(lacks)) throw new GivenUp(says(lacks));
    return says(lacks);
  };
  const wait = {
    what: names.length === 1 ? `unit ${names[0]}` : `${names.length} units`,
    timeoutSeconds: patience.timeoutSeconds,
    lookAt: `\`fleetctl list-units\` and \`fleetctl journal ${names[0]}\` (npm run ssh -- MACHINE)`,
  };
  try {
    await waitUntil(wait, lacking);
  } catch (error) {
    throw new Error(`${(error as Error).message}${await lastWords(connection, lacks)}`);
  }
}

const says = (lacks: readonly Lack[]): string => lacks.map((lack) => lack.says).join(", ");

class GivenUp extends Final {
  constructor(what: string) {
    super(`${what}, and systemd does not start it again`);
  }
}

/** Since when units have been failed. */
class Failing {
  readonly #since = new Map<string, number>();

  /** Whether one has been failed at every look for long enough. */
  lasting(lacks: readonly Lack[]): boolean {
    const failed = lacks
      .filter(({ state }) => state?.systemdActiveState === "failed")
      .map((lack) => lack.says);
    for (const gone of [...this.#since.keys()].filter((each) => !failed.includes(each)))
      this.#since.delete(gone);
    for (const each of failed) this.#since.set(each, this.#since.get(each) ?? Date.now());
    return [...this.#since.values()].some((since) => Date.now() - since >= failedForSeconds * 1000);
  }
}

/** Only a unit that is in fleet may be put without its options. */
async function nudge(fleet: FleetClient, name: string): Promise<void> {
  await fleet.put(name, "launched").catch(() => undefined);
}

/** At most this many units' logs, so that an error stays readable. */
const shownLogs = 3;

/** The last log lines of units that are not active, each from the machine it is on. */
async function lastWords(connection: Connection, lacks: readonly Lack[]): Promise<string> {
  const logs = await Promise.all(
    lacks.slice(0, shownLogs).map(async ({ unit, machine }) => {
      const host = connection.machines.find(({ address }) => address === machine?.primaryIP);
      if (!host) return "";
      const { stdout } = await connection.ssh
        .exec(host, `sudo journalctl -u '${unit}' -n 15 --no-pager -o cat`)
        .catch((error: Error) => ({ stdout: error.message }));
      return `\n${unit} on ${host.name}, its last log lines:\n${stdout.trimEnd()}`;
    }),
  );
  return logs.join("");
}
