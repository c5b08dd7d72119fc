import type { Machine, SshPool } from "../clients/ssh";
import type { Connection } from "../connection";
import { readFiles } from "./files";

export const memberFile = "/var/lib/data/etcd/member.env";

/** How a machine starts its etcd the first time: with all of a new cluster, or into one that runs. */
export interface Joining {
  readonly cluster: string;
  readonly state: "new" | "existing";
}

/** The environment of a machine's etcd. It says `new` only until the member is healthy: see `howToJoin`. */
export const memberEnvironment = ({ cluster, state }: Joining): string =>
  `ETCD_INITIAL_CLUSTER=${cluster}\nETCD_INITIAL_CLUSTER_STATE=${state}\nETCD_INITIAL_CLUSTER_TOKEN=taiga\n`;

const peer = (machine: Machine) => `${machine.name}=https://${machine.address}:2380`;

/**
 * Decides for a machine whose data volume is blank. Into a running cluster it is added as a member (in the place of an
 * earlier one of its name, whose data is gone). A new cluster is made only when every planned machine is blank or is
 * being made part of the very same new cluster: otherwise a machine that lost its disk could start a second one.
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
    const mine = running.find(({ peerURLs }) => peerURLs.includes(`https://${machine.address}:2380`));
    // A member announces its client URLs when it first starts: one of a new cluster that has not is this machine's own.
    const waiting = mine !== undefined && mine.clientURLs.length === 0;
    if (waiting && seen.every((env) => env !== undefined && isNew(env))) return { cluster, state: "new" };
    return { cluster: await addMember(connection, machine, mine?.ID), state: "existing" };
  }
  return seen.every(isNew) ? { cluster, state: "new" } : undefined;
}

/** What a machine's data volume knows of its membership; undefined on a blank one, null where nobody answers. */
async function membershipOn(ssh: SshPool, machine: Machine): Promise<string | undefined | null> {
  try {
    return (await readFiles(ssh, machine, [memberFile]))[memberFile];
  } catch {
    return null;
  }
}

interface Member {
  readonly ID: string;
  readonly name: string;
  readonly peerURLs: string[];
  readonly clientURLs: string[];
}

async function runningMembers(
  connection: Connection,
  others: readonly Machine[],
): Promise<Member[] | undefined> {
  for (const other of others) {
    const client = await connection.etcd.member(other).catch(() => undefined);
    if (!client) continue;
    try {
      await within(5_000, client.get("/taiga/health").exec()); // only a cluster with a quorum counts
      return (await client.cluster.memberList({})).members as Member[];
    } catch {
      // this one has none; ask the next
    } finally {
      client.close();
    }
  }
  return undefined;
}

async function addMember(
  connection: Connection,
  machine: Machine,
  stale: string | undefined,
): Promise<string> {
  const etcd = await connection.etcd.client();
  if (stale) await etcd.cluster.memberRemove({ ID: stale });
  const { members } = (await etcd.cluster.memberAdd({ peerURLs: [`https://${machine.address}:2380`] })) as {
    members: Member[];
  };
  return members
    .flatMap(({ name, peerURLs }) => peerURLs.map((url) => `${name || machine.name}=${url}`))
    .join(",");
}

/** An etcd without a quorum answers late or never. */
export function within<T>(milliseconds: number, answer: Promise<T>): Promise<T> {
  answer.catch(() => {});
  return Promise.race([
    answer,
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds).unref(),
    ),
  ]);
}
