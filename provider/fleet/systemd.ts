import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import type { Lack } from "./lacks";
import { sharedReading } from "./shared-reading";

/** By one question to systemd, whatever the number of units. Up to 20 KB. */
const list = "systemctl list-units --state=active --full --plain --no-legend --no-pager";

/** A session, a shell and a tour of systemd for each answer: on machines that start everything at once, gates share it. */
const answers = sharedReading<Machine, ReadonlySet<string>>();

/** What systemd says is active on a machine, or said since then; nothing if it cannot be asked. */
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

/** What is active on any machine. @param since as Date.now() counts: an answer to a question from before does not count. */
export async function activeAnywhere(connection: Connection, since: number): Promise<Set<string>> {
  const all = await Promise.all(connection.machines.map((host) => activeOn(connection, host, since)));
  return new Set(all.flatMap((names) => [...names]));
}

/**
 * Leaves out what systemd says is active, though fleet does not. Each fleetd publishes what has changed by several workers at
 * a time: when one is overtaken, a unit that has long been active passes for inactive until fleetd publishes all again, after
 * half its `agent_ttl`.
 * @param since as Date.now() counts: an answer to a question from before does not count.
 */
export async function withoutStale(
  connection: Connection,
  lacks: readonly Lack[],
  since: number,
): Promise<Lack[]> {
  const isDoubtful = ({ state }: Lack) => (state?.systemdActiveState ?? "inactive") === "inactive";
  const isAt = ({ machine }: Lack, host: Machine) => machine?.primaryIP === host.address;
  const active = await Promise.all(
    connection.machines.map(async (host) => {
      const here = lacks.filter((lack) => isAt(lack, host) && isDoubtful(lack));
      const names = here.length > 0 ? await activeOn(connection, host, since) : new Set();
      return here.filter(({ unit }) => names.has(unit));
    }),
  );
  return lacks.filter((lack) => !active.flat().includes(lack));
}
