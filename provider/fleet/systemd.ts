import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import type { Lack, Placement } from "./lacks";
import { sharedReading } from "./shared-reading";

/** By one question to systemd, whatever the number of units. Up to 20 KB. */
const list = "systemctl list-units --state=active --full --plain --no-legend --no-pager";

/** A session, a shell and a tour of systemd for each answer: on machines that start everything at once, gates share it. */
const answers = sharedReading<Machine, ReadonlySet<string>>();

/**
 * What systemd says is active on a machine; nothing if it cannot be asked.
 * @param since as Date.now() counts: an answer to a question from before does not count.
 */
async function activeOn({ ssh }: Connection, host: Machine, since: number): Promise<ReadonlySet<string>> {
  const ask = async () => {
    const { stdout } = await ssh.exec(host, list);
    return new Set(stdout.split("\n").map((line) => line.split(" ", 1)[0] as string));
  };
  return answers(host)
    .get(since, ask)
    .then(
      ({ value }) => value,
      () => new Set<string>(),
    );
}

/** Leaves out what systemd says is active: on its machine, or on any while it is not known which that is to be. */
export async function withoutActive(
  connection: Connection,
  lacks: readonly Lack[],
  since: number,
): Promise<Lack[]> {
  const isAt = ({ machine }: Lack, host: Machine) => !machine || machine.primaryIP === host.address;
  const active = await Promise.all(
    connection.machines.map(async (host) => {
      const here = lacks.filter((lack) => isAt(lack, host));
      const names = here.length > 0 ? await activeOn(connection, host, since) : new Set();
      return here.filter(({ unit }) => names.has(unit));
    }),
  );
  return lacks.filter((lack) => !active.flat().includes(lack));
}

/**
 * Leaves out what systemd says is active, though fleet does not. Each fleetd publishes what has changed by several workers at
 * a time: when one is overtaken, a unit that has long been active passes for inactive, or for failed, until fleetd publishes all
 * again, after half its `agent_ttl`. What fleet has on no machine yet is left alone.
 */
export async function withoutStale(
  connection: Connection,
  lacks: readonly Lack[],
  since: number,
): Promise<Lack[]> {
  const isDoubtful = ({ machine, state }: Lack) =>
    machine !== undefined && ["inactive", "failed"].includes(state?.systemdActiveState ?? "inactive");
  const doubtful = lacks.filter(isDoubtful);
  const lasting = await withoutActive(connection, doubtful, since);
  return lacks.filter((lack) => !doubtful.includes(lack) || lasting.includes(lack));
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
