import type { Machine, SshPool } from "../clients/ssh";
import type { Connection } from "../connection";
import { readFiles } from "./files";
import { initialCluster, inTheWay, type Member, memberOf, peerUrl, within } from "./members";

export const memberFolder = "/var/lib/data/etcd";
export const memberFile = `${memberFolder}/member.env`;

/** How a machine starts its etcd the first time: with all of a new cluster, or into one that runs. */
export interface Joining {
  readonly cluster: string;
  readonly state: "new" | "existing";
}

/** The environment of a machine's etcd. It says `new` only until the member is healthy: see `howToJoin`. */
export const memberEnvironment = ({ cluster, state }: Joining): string =>
  `ETCD_INITIAL_CLUSTER=${cluster}\nETCD_INITIAL_CLUSTER_STATE=${state}\nETCD_INITIAL_CLUSTER_TOKEN=taiga\n`;

const peer = (machine: Machine) => `${machine.name}=${peerUrl(machine)}`;

/**
 * Decides for a machine whose data volume is blank. Into a running cluster it is added as a learner (in the place of
 * an earlier member of its address, whose data is gone): added with a vote, it would make a cluster of one a cluster of two
 * with one dead, until it starts. A new cluster is made only when every planned machine is blank or is being made part of
 * the very same new cluster: otherwise a machine that lost its disk could start a second one.
 * @returns undefined while some machine cannot be asked yet.
 */
export async function howToJoin(
  connection: Connection,
  machine: Machine,
  planned: readonly Machine[],
): Promise<Joining | undefined> {
  const others = planned.filter(({ name }) => name !== machine.name);
  const cluster = planned.map(peer).join(",");
  const seen = await Promise.all(others.map((other) => membershipOn(connection.ssh, other)));
  const isNew = (env: string | undefined | null) =>
    env === undefined || env === memberEnvironment({ cluster, state: "new" });
  const running = await runningMembers(connection, others).catch(() => undefined);
  if (running) {
    const mine = memberOf(running.members, machine);
    // A member announces its client URLs when it first starts: one of a new cluster that has not is this machine's own.
    const waiting = mine !== undefined && mine.clientURLs.length === 0;
    if (waiting && seen.every((env) => env !== undefined && isNew(env))) return { cluster, state: "new" };
    return { cluster: await addLearner(connection, machine, running), state: "existing" };
  }
  return seen.every(isNew) ? { cluster, state: "new" } : undefined;
}

/** The planned machines that have not been told yet that they are members, by name. */
export async function untold(connection: Connection, planned: readonly Machine[]): Promise<string[]> {
  const told = await Promise.all(planned.map((each) => membershipOn(connection.ssh, each)));
  return planned.filter((_, index) => !told[index]).map(({ name }) => name);
}

/**
 * Whether the others run a cluster that this machine is no member of. What it has on its data volume is then a member's that
 * etcd let go, and never takes back: it must join as a blank machine does.
 */
export async function wasRemoved(
  connection: Connection,
  machine: Machine,
  planned: readonly Machine[],
): Promise<boolean> {
  const others = planned.filter(({ address }) => address !== machine.address);
  const running = await runningMembers(connection, others);
  return running !== undefined && memberOf(running.members, machine) === undefined;
}

/** What a machine's data volume knows of its membership; undefined on a blank one, null where nobody answers. */
async function membershipOn(ssh: SshPool, machine: Machine): Promise<string | undefined | null> {
  try {
    return (await readFiles(ssh, machine, [memberFile]))[memberFile];
  } catch {
    return null;
  }
}

interface Running {
  /** A machine whose etcd answers, and has a quorum. */
  readonly by: Machine;
  readonly members: readonly Member[];
}

async function runningMembers(
  connection: Connection,
  others: readonly Machine[],
): Promise<Running | undefined> {
  for (const other of others) {
    const client = await connection.etcd.member(other).catch(() => undefined);
    if (!client) continue;
    try {
      await within(5_000, client.get("/taiga/health").exec()); // only a cluster with a quorum counts
      const { members } = await client.cluster.memberList({ linearizable: true });
      return { by: other, members: members as Member[] };
    } catch {
      // this one has none; ask the next
    } finally {
      client.close();
    }
  }
  return undefined;
}

/**
 * etcd refuses a second learner, and anybody in the first seconds after its members have connected: machines that join at
 * the same time come here again until it is their turn.
 */
async function addLearner(
  connection: Connection,
  machine: Machine,
  { by, members }: Running,
): Promise<string> {
  // A client of its own: a refusal may close it to all calls for a while.
  const etcd = await connection.etcd.member(by);
  try {
    const isPlanned = (member: Member) => connection.machines.some((each) => memberOf([member], each));
    for (const { ID } of inTheWay(members, machine, isPlanned)) await etcd.cluster.memberRemove({ ID });
    const added = await etcd.cluster.memberAdd({ peerURLs: [peerUrl(machine)], isLearner: true });
    return initialCluster(added.members as Member[], connection.machines);
  } finally {
    etcd.close();
  }
}
