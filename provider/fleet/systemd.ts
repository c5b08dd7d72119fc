import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import type { Lack } from "./lacks";

/** By one question to systemd, whatever the number of units. Up to 20 KB. */
const list = "systemctl list-units --state=active --full --plain --no-legend --no-pager";

/** What systemd says is active on a machine; nothing if it cannot be asked. */
async function activeOn({ ssh }: Connection, host: Machine): Promise<string[]> {
  const answer = await ssh.exec(host, list).catch(() => undefined);
  return (answer?.stdout ?? "").split("\n").map((line) => line.split(" ", 1)[0] as string);
}

/** What is active on any machine. */
export async function activeAnywhere(connection: Connection): Promise<Set<string>> {
  const all = await Promise.all(connection.machines.map((host) => activeOn(connection, host)));
  return new Set(all.flat());
}

/**
 * Leaves out what systemd says is active, though fleet does not. Each fleetd publishes what has changed by several workers at
 * a time: when one is overtaken, a unit that has long been active passes for inactive until fleetd publishes all again, after
 * half its `agent_ttl`.
 */
export async function withoutStale(connection: Connection, lacks: readonly Lack[]): Promise<Lack[]> {
  const isDoubtful = ({ state }: Lack) => (state?.systemdActiveState ?? "inactive") === "inactive";
  const isAt = ({ machine }: Lack, host: Machine) => machine?.primaryIP === host.address;
  const active = await Promise.all(
    connection.machines.map(async (host) => {
      const here = lacks.filter((lack) => isAt(lack, host) && isDoubtful(lack));
      const names = here.length > 0 ? new Set(await activeOn(connection, host)) : new Set();
      return here.filter(({ unit }) => names.has(unit));
    }),
  );
  return lacks.filter((lack) => !active.flat().includes(lack));
}
