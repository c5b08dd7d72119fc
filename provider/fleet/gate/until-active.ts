import type { FleetClient } from "../../clients/fleet";
import type { Connection } from "../../connection";
import { Final, pauseAfter, waitUntil } from "../../progress";
import { type Lack, lacksOf, placementsOf } from "./lacks";
import { look } from "./readings";
import { unsettled } from "./settled";
import { Signs } from "./signs";
import { withoutStale } from "./systemd";

export interface Patience {
  readonly timeoutSeconds: number;
  /** For so long all must stay active, so that a unit which falls over at once is not taken for healthy. */
  readonly settleSeconds: number;
}

/** Milliseconds after which all of fleet is looked at without a sign: it may know why there is none. */
const longest = 3_000;

/** systemd has given up on a unit that stays failed; one it starts again is failed for a moment only. */
const failedForSeconds = 15;

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
  let lacks: Lack[] = names.map((unit) => ({ unit, says: `${unit} was not looked for yet` }));
  const signs = new Signs(connection, fleet);
  const failing = new Failing();
  const begun = Date.now();
  let took = 0;
  let lookedAt = 0;
  const settle = patience.settleSeconds * 1000;
  const lacking = async (): Promise<string | undefined> => {
    const rest = pauseAfter(took, longest);
    const sign = await signs.await(lacks, rest);
    const seenAt = Date.now();
    // Without a sign what another gate has seen meanwhile is good enough.
    const seen = await look(connection, fleet, Math.max(lookedAt, sign ?? seenAt - rest));
    took = seen.took;
    lookedAt = Date.now();
    lacks = await withoutStale(connection, lacksOf(seen.value, names), seen.begun);
    if (lacks.length === 0)
      lacks = await unsettled(connection, placementsOf(seen.value, names), settle, begun);
    if (lacks.length === 0) return undefined;
    if (sign) signs.misled(took);
    if (failing.lasting(lacks, seen.begun)) throw new GivenUp(says(lacks));
    return says(lacks);
  };
  const wait = {
    what: names.length === 1 ? `unit ${names[0]}` : `${names.length} units`,
    timeoutSeconds: patience.timeoutSeconds,
    lookAt: `npm run journal -- ${names[0]}`,
  };
  try {
    // The wait for a sign is the pause; this one is for a fleet that cannot be asked.
    await waitUntil({ ...wait, everySeconds: 0.1, isFree: true }, lacking);
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

  /** Whether one has been failed at every look for long enough. @param at when fleet was looked at, as Date.now() counts */
  lasting(lacks: readonly Lack[], at: number): boolean {
    const failed = lacks
      .filter(({ state }) => state?.systemdActiveState === "failed")
      .map((lack) => lack.says);
    for (const gone of [...this.#since.keys()].filter((each) => !failed.includes(each)))
      this.#since.delete(gone);
    for (const each of failed) this.#since.set(each, this.#since.get(each) ?? at);
    return [...this.#since.values()].some((since) => at - since >= failedForSeconds * 1000);
  }
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
