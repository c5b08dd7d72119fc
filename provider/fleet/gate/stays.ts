import { setTimeout as sleep, setImmediate as soon } from "node:timers/promises";
import type { Machine } from "../../clients/ssh";
import type { Connection } from "../../connection";
import type { Placement } from "./lacks";

/** For how long a unit has been active where it is. */
export interface Stay extends Placement {
  /** Milliseconds; 0 if it is not active, or if that cannot be asked. */
  readonly time: number;
}

/** Milliseconds by the names of units. */
type Times = ReadonlyMap<string, number>;

/** Milliseconds after which an answer is not waited for, and the next question put: a machine that was lost gives none. */
const longest = 30_000;

/** For how long units have been active on the machines of a connection, at the least. */
export async function staysOf(connection: Connection, placements: readonly Placement[]): Promise<Stay[]> {
  const stays = connection.machines.map(async (host) => {
    const here = placements.filter(({ machine }) => machine?.primaryIP === host.address);
    if (here.length === 0) return [];
    const units = here.map(({ unit }) => unit);
    const times = await ask(connection, host, units);
    return here.map((placement) => ({ ...placement, time: times.get(placement.unit) ?? 0 }));
  });
  return (await Promise.all(stays)).flat();
}

/** What goes on at a machine: one question at a time, and the next is that of all who have come meanwhile. */
interface Questions {
  ended: Promise<unknown>;
  next?: { readonly units: Set<string>; readonly answer: Promise<Times> } | undefined;
}

const questions = new WeakMap<Machine, Questions>();

/**
 * Asks a machine, once for all gates that wait side by side: where everything starts at once each session takes long, and makes
 * all others take longer. Where it does not answer there are no times.
 */
function ask(connection: Connection, host: Machine, units: readonly string[]): Promise<Times> {
  const at = questions.get(host) ?? { ended: Promise.resolve() };
  questions.set(host, at);
  if (!at.next) {
    const asked = new Set<string>();
    at.next = { units: asked, answer: begun(connection, host, at, asked) };
  }
  for (const unit of units) at.next.units.add(unit);
  return at.next.answer;
}

async function begun(
  connection: Connection,
  host: Machine,
  at: Questions,
  asked: ReadonlySet<string>,
): Promise<Times> {
  await at.ended;
  await soon(); // gates that were woken together
  at.next = undefined;
  const none = (): Times => new Map();
  const answer = read(connection, host, [...asked]).catch(none);
  const inTime = Promise.race([answer, sleep(longest, undefined, { ref: false }).then(none)]);
  at.ended = inTime;
  return inTime;
}

/** Of each unit: `ActiveState=active`, `ActiveEnterTimestamp=Mon 2026-11-30 10:30:47.123456 UTC`, and an empty line. */
const show = "date +%s%3N; systemctl show --timestamp=us+utc -p ActiveState -p ActiveEnterTimestamp";

async function read({ ssh }: Connection, host: Machine, units: readonly string[]): Promise<Times> {
  const times = activeTimes(await ssh.succeed(host, `${show} ${units.map((unit) => `'${unit}'`).join(" ")}`));
  return new Map(units.map((unit, index) => [unit, times[index] ?? 0]));
}

/** @param said what the command says. @returns milliseconds for each of its units. */
export function activeTimes(said: string): number[] {
  const [now, ...lines] = said.trimEnd().split("\n");
  if (lines.length === 0) return [];
  return lines
    .join("\n")
    .split("\n\n")
    .map((unit) => {
      const since = /^ActiveEnterTimestamp=\S+ (\S+) (\S+) UTC$/m.exec(unit);
      const isActive = /^ActiveState=active$/m.test(unit);
      return since && isActive ? Math.max(0, Number(now) - Date.parse(`${since[1]}T${since[2]}Z`)) : 0;
    });
}
