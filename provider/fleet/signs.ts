import { setTimeout as sleep } from "node:timers/promises";
import type { FleetClient, UnitState } from "../clients/fleet";
import type { Connection } from "../connection";
import { pauseAfter } from "../progress";
import type { Lack } from "./lacks";
import { places } from "./readings";
import { activeAnywhere } from "./systemd";
import { wishAgain } from "./wish";

/** Milliseconds between two looks for a sign. A fleet that takes long to answer is asked less often. */
const interval = 250;
/** Milliseconds after which all of fleet is looked at without a sign: it may know why there is none. */
const longest = 3_000;
/** The first of so many wishes find fleet's agents deaf, perhaps; later than the last, they have looked by themselves. */
const wishes = 12;
/** Milliseconds. A fleet that takes longer to answer is busy, as on emulated machines: wishes would only keep it so. */
const quick = 200;

/**
 * Signs that units have become active: what fleet says of their states. That is cheap to ask for; it does not tell on which
 * machine a unit is to be, so that a sign may mislead and is followed by a look at all of fleet.
 */
export class Signs {
  #wishes = 0;
  /** Milliseconds for which signs are not believed. */
  #doubt = 0;
  /** How many units were not active when last asked. */
  #missed = 0;

  constructor(
    private readonly connection: Connection,
    private readonly fleet: FleetClient,
  ) {}

  /** @returns the moment at which all were active, as Date.now() counts; `undefined` if none was seen in the time there is. */
  async await(lacks: readonly Lack[]): Promise<number | undefined> {
    if (this.#doubt > 0) {
      await sleep(this.#doubt);
      this.#doubt = 0;
      return undefined;
    }
    const end = Date.now() + longest;
    for (;;) {
      const asked = Date.now();
      const { states } = await places(this.connection, this.fleet, asked);
      const took = Date.now() - asked;
      const missing = await this.#missing(lacks, states);
      if (missing === undefined) return asked;
      if (took < quick && this.#wishes < wishes) {
        this.#wishes += 1;
        await wishAgain(this.connection, this.fleet, missing);
      }
      const next = Date.now() + pauseAfter(took, interval);
      if (next >= end) return undefined;
      await sleep(next - Date.now());
    }
  }

  /** @returns a unit that is not active yet. */
  async #missing(lacks: readonly Lack[], states: readonly UnitState[]): Promise<string | undefined> {
    const missing = lacks.filter((lack) => !states.some((state) => hasComeTrue(lack, state)));
    const isMoving = missing.length < this.#missed;
    this.#missed = missing.length;
    if (!isMoving || missing.length === 0) return missing[0]?.unit;
    // Where some have become active the others may be too: each fleetd looks at its machine once a second.
    const active = await activeAnywhere(this.connection);
    return missing.find(({ unit }) => !active.has(unit))?.unit;
  }

  /**
   * A sign misled: fleet is looked at again after a while, and not at the next sign.
   * @param took milliseconds for which fleet was looked at.
   */
  misled(took: number): void {
    this.#doubt = pauseAfter(took, 1_000);
  }
}

const hasComeTrue = ({ unit, machine }: Lack, state: UnitState): boolean =>
  state.name === unit &&
  state.systemdActiveState === "active" &&
  (!machine || state.machineID === machine.id);
