import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../../connection";
import type { Lack, Placement } from "./lacks";
import { type Stay, staysOf } from "./stays";

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
