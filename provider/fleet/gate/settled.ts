import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../../connection";
import type { Lack, Placement } from "./lacks";

/** For how long a unit has been active where it is. */
interface Stay extends Placement {
  /** Milliseconds; 0 if it is not active, or if that cannot be asked. */
  readonly time: number;
}

/**
 * Waits until units have been active for a time, unless one is not active now.
 * @param time milliseconds.
 * @param since as Date.now() counts: one that was active before counts from here on, since it may be about to be replaced.
 * @returns those that have not been active for so long, as the systemd of their machine says. Of a machine that is none of the
 * connection's (one that leaves), what fleet says is enough.
 */
export async function unsettled(
  connection: Connection,
  placements: readonly Placement[],
  time: number,
  since: number,
): Promise<Lack[]> {
  const shortest = (stays: readonly Stay[]) =>
    Math.min(Date.now() - since, ...stays.map((stay) => stay.time));
  let stays = await staysOf(connection, placements);
  const first = shortest(stays);
  if (first > 0 && first < time) {
    await sleep(time - first);
    stays = await staysOf(connection, placements);
  }
  return stays
    .filter((stay) => shortest([stay]) < time)
    .map(({ unit, machine }) => {
      const says = `${unit} on ${machine?.primaryIP} has not been active for ${time / 1000} s`;
      return { unit, ...(machine && { machine }), says };
    });
}

/** Of each unit: `ActiveState=active`, `ActiveEnterTimestamp=Mon 2026-11-30 10:30:47.123456 UTC`, and an empty line. */
const show = "date +%s%3N; systemctl show --timestamp=us+utc -p ActiveState -p ActiveEnterTimestamp";

/** For how long units have been active on the machines of a connection, at the least. */
export async function staysOf(
  { machines, ssh }: Connection,
  placements: readonly Placement[],
): Promise<Stay[]> {
  const stays = machines.map(async (host) => {
    const here = placements.filter(({ machine }) => machine?.primaryIP === host.address);
    if (here.length === 0) return [];
    const units = here.map(({ unit }) => `'${unit}'`).join(" ");
    const said = await ssh.succeed(host, `${show} ${units}`, { timeoutSeconds: 15 }).catch(() => "");
    const times = activeTimes(said);
    return here.map((placement, index) => ({ ...placement, time: times[index] ?? 0 }));
  });
  return (await Promise.all(stays)).flat();
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
