import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";

/** A member of etcd's cluster. One that was added and has not started has no name and no client URLs. */
export interface Member {
  /** Decimal. */
  readonly ID: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  /** Gets all that is written, but does not vote: no quorum waits for it. */
  readonly isLearner: boolean;
}

type Place = Pick<Machine, "name" | "address">;

export const peerUrl = ({ address }: Pick<Machine, "address">): string => `https://${address}:2380`;

export const memberOf = (members: readonly Member[], machine: Pick<Machine, "address">): Member | undefined =>
  members.find(({ peerURLs }) => peerURLs.includes(peerUrl(machine)));

/** The members as a quorum knows them. @throws Error when none answers within 20 s. */
export async function listMembers(connection: Connection): Promise<Member[]> {
  const { members } = await within(
    20_000,
    connection.etcd.run((etcd) => etcd.cluster.memberList({ linearizable: true })),
  );
  return members as Member[];
}

/**
 * ETCD_INITIAL_CLUSTER for these members. One that has not started has no name in etcd yet, and may be any machine that is
 * being added at the same time: it gets the name it is planned with.
 */
export function initialCluster(members: readonly Member[], planned: readonly Place[]): string {
  return members
    .flatMap((member) =>
      member.peerURLs.map((url) => {
        const name = member.name || planned.find((machine) => peerUrl(machine) === url)?.name;
        return `${name ?? `member-${member.ID}`}=${url}`;
      }),
    )
    .join(",");
}

/**
 * Members that must go before a blank machine can be added: an earlier one of its address, whose data is gone, and
 * learners of machines that are no longer planned, which nobody will start. etcd has one learner at a time.
 */
export const inTheWay = (
  members: readonly Member[],
  machine: Place,
  isPlanned: (member: Member) => boolean,
): Member[] =>
  members.filter(
    (member) => member === memberOf(members, machine) || (member.isLearner && !isPlanned(member)),
  );

/** How many voters make a quorum. */
export const majority = (voters: number): number => Math.floor(voters / 2) + 1;

/**
 * Whether a member may stop, or leave for good, without a quorum being lost by it.
 * @param alive whether a member answers now; the one that goes is not asked about.
 * @returns what is lacking. Nothing, where all others are alive: in a cluster of one or two there is no more to wait for.
 */
export function quorumLacks(
  members: readonly Member[],
  goes: Member | undefined,
  leaves: boolean,
  alive: (member: Member) => boolean,
): string | undefined {
  const voters = members.filter(({ isLearner }) => !isLearner);
  const others = voters.filter((member) => member !== goes);
  const dead = others.filter((member) => !alive(member));
  const needed = majority(leaves ? others.length : voters.length);
  if (dead.length === 0 || others.length - dead.length >= needed) return undefined;
  const names = dead.map(({ name, peerURLs }) => name || peerURLs.join());
  return `${names.join(", ")}: etcd does not answer, and without it ${others.length - dead.length} of the ${needed} members that a quorum needs are left`;
}

/** Gives a learner its vote as soon as etcd finds it in sync; does nothing for a voter. @returns what is lacking. */
export async function promote(connection: Connection, machine: Machine): Promise<string | undefined> {
  const member = memberOf(await listMembers(connection), machine);
  if (!member) return "not a member of etcd";
  if (!member.isLearner) return undefined;
  try {
    await within(
      20_000,
      connection.etcd.client().then((etcd) => etcd.cluster.memberPromote({ ID: member.ID })),
    );
    return undefined;
  } catch (error) {
    return `a learner of etcd still (${(error as Error).message})`;
  }
}

/** Takes a member out for good, leadership first, so that nobody waits for an election. Done already, it does nothing. */
export async function removeMember(connection: Connection, machine: Machine): Promise<void> {
  const members = await listMembers(connection);
  const member = memberOf(members, machine);
  if (!member) return;
  await passLeadership(connection, machine, members).catch((error: Error) =>
    console.error(`${machine.name}: etcd will elect a leader when it leaves: ${error.message}`),
  );
  await connection.etcd.run(async (etcd) => {
    // A lost answer is no failure: what was removed is not removed again.
    const { members: now } = await etcd.cluster.memberList({ linearizable: true });
    if (now.some(({ ID }) => ID === member.ID)) await etcd.cluster.memberRemove({ ID: member.ID });
  });
}

/** Only the leader itself can pass its leadership on. */
async function passLeadership(
  connection: Connection,
  machine: Machine,
  members: readonly Member[],
): Promise<void> {
  const member = memberOf(members, machine);
  const { leader } = await within(
    20_000,
    connection.etcd.run((etcd) => etcd.maintenance.status()),
  );
  if (leader !== member?.ID) return;
  const next = members.find(({ ID, isLearner }) => ID !== leader && !isLearner);
  if (!next) return;
  const client = await connection.etcd.member(machine);
  try {
    await within(20_000, client.maintenance.moveLeader({ targetID: next.ID }));
  } finally {
    client.close();
  }
}

/** An etcd without a quorum answers late or never. */
export function within<T>(milliseconds: number, answer: PromiseLike<T>): Promise<T> {
  const answered = Promise.resolve(answer);
  answered.catch(() => {});
  return Promise.race([
    answered,
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds).unref(),
    ),
  ]);
}
