import type { Machine } from "../../clients/ssh";
import type { Connection } from "../../connection";
import type { Lack } from "./lacks";
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
