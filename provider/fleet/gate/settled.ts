import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../../connection";
import type { Placement } from "./lacks";

/**
 * Whether units stay active until they have been so for a time, as systemd says.
 * @param time milliseconds.
 * @param since as Date.now() counts: one that was active before counts from here on, since it may be about to be replaced.
 */
export async function stayActive(
  connection: Connection,
  placements: readonly Placement[],
  time: number,
  since: number,
): Promise<boolean> {
  const age = async () => Math.min(await activeFor(connection, placements), Date.now() - since);
  const first = await age();
  if (first === 0 || first >= time) return first > 0;
  await sleep(time - first);
  return (await age()) >= time;
}

/** Of each unit: `ActiveState=active`, `ActiveEnterTimestamp=Mon 2026-11-30 10:30:47.123456 UTC`, and an empty line. */
const show = "date +%s%3N; systemctl show --timestamp=us+utc -p ActiveState -p ActiveEnterTimestamp";

/**
 * How long each of these units has been active where it is, at the least, in milliseconds: 0 where one is not, or where that
 * cannot be asked.
 */
export async function activeFor(
  { machines, ssh }: Connection,
  placements: readonly Placement[],
): Promise<number> {
  const hosts = new Map(machines.map((host) => [host.address, host]));
  if (placements.some(({ machine }) => !hosts.has(machine?.primaryIP ?? ""))) return 0;
  const ages = [...hosts].map(async ([address, host]) => {
    const here = placements.filter(({ machine }) => machine?.primaryIP === address);
    if (here.length === 0) return Number.POSITIVE_INFINITY;
    const units = here.map(({ unit }) => `'${unit}'`).join(" ");
    return youngest(await ssh.succeed(host, `${show} ${units}`, { timeoutSeconds: 5 }));
  });
  return Math.min(...(await Promise.all(ages).catch(() => [0])));
}

/** @param said what the command says. */
export function youngest(said: string): number {
  const [now = "", ...lines] = said.trimEnd().split("\n");
  const ages = lines
    .join("\n")
    .split("\n\n")
    .map((unit) => {
      const since = /^ActiveEnterTimestamp=\S+ (\S+) (\S+) UTC$/m.exec(unit);
      const isActive = /^ActiveState=active$/m.test(unit);
      return since && isActive ? Number(now) - Date.parse(`${since[1]}T${since[2]}Z`) : 0;
    });
  return Math.max(0, Math.min(...ages));
}
