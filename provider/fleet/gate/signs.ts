import { setTimeout as sleep } from "node:timers/promises";
import type { FleetClient, UnitState } from "../../clients/fleet";
import type { Connection } from "../../connection";
import { pauseAfter } from "../../progress";
import type { Lack } from "./lacks";
import { places } from "./readings";
import { withoutActive } from "./systemd";
import { wishAgain } from "./wish";

/** Milliseconds, at least, between two looks for a sign. */
const interval = 250;
/** Milliseconds for which wishes are written: fleet's agents look at their units by themselves every 5 s. */
const wishing = 15_000;
/** Milliseconds after which a unit that is inactive on its machine waits for another, and is not helped by wishes. */
const waiting = 5_000;
/** Milliseconds for which what systemd said is good enough for a sign. */
const fresh = 1_000;
/** Milliseconds after which systemd's answer is not waited for: a machine that was lost gives none. */
const longest = 1_000;
/** Milliseconds. A fleet that takes longer to answer is busy, as on emulated machines: it is asked less often, and wishes nothing. */
const quick = 500;

/**
 * Signs that units have become active: what fleet says of their states, and systemd where that may come late. It is cheap to
 * ask for, and does not tell on which machine a unit is to be: a sign may mislead, and is followed by a look at all of fleet.
 */
export class Signs {
  readonly #begun = Date.now();
  /** Milliseconds for which signs are not believed. */
  #doubt = 0;
  /** How many units were not active when last asked. */
  #missed = 0;
  /** Milliseconds that fleet took to answer. */
  #took = 0;

  constructor(
    private readonly connection: Connection,
    private readonly fleet: FleetClient,
  ) {}

  /**
   * @param time milliseconds for which a sign is waited for, unless fleet takes longer to answer.
   * @returns when the look began that found all active, as Date.now() counts; `undefined` if none did in the time there is.
   */
  async await(lacks: readonly Lack[], time: number): Promise<number | undefined> {
    if (this.#doubt > 0) {
      await sleep(this.#doubt);
      this.#doubt = 0;
      return undefined;
    }
    for (const end = Date.now() + time; ; ) {
      // Gates that wait side by side ask once for all of them.
      const since = Date.now() - pause(this.#took);
      const { value, begun, took } = await places(this.connection, this.fleet, since);
      this.#took = took;
      const missing = await this.#missing(lacks, value.states, begun);
      if (missing.length === 0) return begun;
      const idle = missing.find((lack) => !this.#isUnderWay(lack, value.states));
      if (idle && this.#wishing) await wishAgain(this.connection, this.fleet, idle.unit);
      await sleep(Math.max(0, begun + took + pause(took) - Date.now()));
      if (Date.now() >= end) return undefined;
    }
  }

  /** Whether fleet is to be helped: it is not too busy, and has not had its time. */
  get #wishing(): boolean {
    return this.#took < quick && Date.now() - this.#begun < wishing;
  }

  #isUnderWay(lack: Lack, states: readonly UnitState[]): boolean {
    const isWaiting = Date.now() - this.#begun > waiting;
    return states.some(
      (state) => isOf(lack, state) && (isWaiting || state.systemdActiveState !== "inactive"),
    );
  }

  /** @returns those that are not active yet. */
  async #missing(lacks: readonly Lack[], states: readonly UnitState[], since: number): Promise<Lack[]> {
    const missing = lacks.filter((lack) => !states.some((state) => hasComeTrue(lack, state)));
    const isMoving = missing.length < this.#missed;
    this.#missed = missing.length;
    if (missing.length === 0) return missing;
    // Where some have become active the others may be too: each fleetd looks at its machine once a second.
    if (isMoving) return withoutActive(this.connection, missing, since);
    // And what it found comes late when much has changed.
    const idle = missing.filter((lack) => !this.#isUnderWay(lack, states));
    if (idle.length === 0 || !this.#wishing) return missing;
    const asked = withoutActive(this.connection, idle, Math.max(this.#begun, since - fresh));
    const still = await Promise.race([asked, sleep(longest).then(() => idle)]);
    return missing.filter((lack) => !idle.includes(lack) || still.includes(lack));
  }

  /**
   * A sign misled: fleet is looked at again after a while, and not at the next sign.
   * @param took milliseconds for which fleet was looked at.
   */
  misled(took: number): void {
    this.#doubt = pauseAfter(took, 1_000);
  }
}

/** Milliseconds between two looks. */
const pause = (took: number): number =>
  took < quick ? Math.max(took, interval) : pauseAfter(took, interval);

const isOf = ({ unit, machine }: Lack, state: UnitState): boolean =>
  state.name === unit && (!machine || state.machineID === machine.id);

const hasComeTrue = (lack: Lack, state: UnitState): boolean =>
  isOf(lack, state) && state.systemdActiveState === "active";
