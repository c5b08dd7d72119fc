import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import { Interrupted, interruption } from "../interrupt";
import { waitUntil } from "../progress";
import { containersLack, etcdLacks, membersLack } from "./health";
import { backToWork, leave } from "./leaving";
import { lock } from "./lock";
import { listMembers, type Member, memberOf, quorumLacks } from "./members";
import { giveUpSubnet } from "./subnets";

/** Seconds for a machine to boot, for all others to be whole, and for the turn to come. */
const patience = { boot: 60, whole: 600, turn: 2400 };

/**
 * Waits its turn and for all others to be whole, then empties the machine: the engine takes it away next. One that the
 * configuration still has is about to be made anew; one that it has no more leaves for good.
 */
export async function depart(
  connection: Connection,
  state: Pick<Machine, "name" | "address">,
): Promise<void> {
  const machine = connection.at(state);
  const leaves = !connection.isPlanned(machine);
  const what = `${state.name}: to ${leaves ? "leave" : "be replaced"}`;
  const untilOthersWhole = (timeoutSeconds: number) =>
    waitUntil(
      {
        what,
        timeoutSeconds,
        lookAt: "the machines it names: all others must be whole before one goes",
      },
      () => othersLack(connection, machine, leaves),
    );
  if ((await afterKill(connection, machine)) === "gone" && !leaves) return;
  // Asked before its turn too: with the turn taken, one that waits for a dead machine would keep that one from going.
  if (leaves) await untilOthersWhole(patience.turn);
  await lock.acquire(connection, state.name, patience.turn);
  try {
    await untilOthersWhole(patience.whole);
    if (leaves) await leave(connection, machine, what);
    else await stop(connection, machine, what);
  } catch (error) {
    // It is as it was. The turn goes to the next: the machine that is not whole may be that one.
    await lock.release(connection, state.name).catch(() => {});
    throw error;
  }
  await connection.ssh.drop(machine);
  if (!leaves) return; // its successor lets the lock go, and wants its subnet
  await giveUpSubnet(connection, machine.address);
  await lock.release(connection, state.name);
}

/**
 * An update that was killed may have stopped this machine, or taken it away. Where etcd has no quorum without it, as in a cluster of one
 * or two, nobody can be asked for a turn then: the first goes back to work, and of the second there is nothing left to empty.
 */
async function afterKill(connection: Connection, machine: Machine): Promise<"there" | "gone"> {
  const others = connection.machines.filter(({ address }) => address !== machine.address);
  const lacks = await Promise.all([machine, ...others].map((each) => etcdLacks(connection, each)));
  if (lacks.some((each) => each === undefined)) return "there";
  const listens = await answers(connection, machine);
  const othersListen = await Promise.all(others.map((each) => connection.ssh.isListening(each)));
  // Where others do not answer either, it may be this host that is cut off.
  if (!listens && othersListen.every(Boolean)) return "gone";
  await backToWork(connection, machine);
  return "there";
}

/** Whether a machine answers by ssh, or comes to: it may be booting, as all do after their host has. */
const answers = (connection: Connection, machine: Machine): Promise<boolean> =>
  waitUntil(
    {
      what: `${machine.name}: to answer`,
      timeoutSeconds: patience.boot,
      lookAt: `virsh console ${machine.name}`,
    },
    async () =>
      (await connection.ssh.isListening(machine)) ? undefined : "it boots, is off, or was taken away already",
  ).then(
    () => true,
    (error: Error) => {
      if (error instanceof Interrupted) throw error;
      return false;
    },
  );

/**
 * What the others lack: those of today's configuration that are members already, whatever there was when this machine was
 * made. Members that are leaving too need not be whole, as long as there is a quorum without them.
 */
async function othersLack(
  connection: Connection,
  machine: Machine,
  leaves: boolean,
): Promise<string | undefined> {
  const members = await listMembers(connection);
  const others = connection.machines.filter(
    (each) => each.address !== machine.address && memberOf(members, each),
  );
  const lacks = await membersLack(connection, others);
  if (lacks) return lacks;
  const idle = await containersLack(connection, others);
  // One that runs none takes none away: where Docker starts nowhere, another configuration is what mends that.
  if (idle && (await runsContainers(connection, machine))) return idle;
  const goes = memberOf(members, machine);
  const rest = members.filter((each) => each !== goes && !others.some((other) => memberOf([each], other)));
  const silent = new Set<Member>();
  for (const each of rest) {
    const address = new URL(each.peerURLs[0] as string).hostname;
    if (await etcdLacks(connection, connection.at({ name: each.name, address }))) silent.add(each);
  }
  return quorumLacks(members, goes, leaves, (each) => !silent.has(each));
}

const runsContainers = async (connection: Connection, machine: Machine): Promise<boolean> =>
  (await containersLack(connection, [machine]).catch(() => "no answer")) === undefined;

/** Ends what runs on a machine that another will be in the place of, with the same data. */
async function stop(connection: Connection, machine: Machine, what: string): Promise<void> {
  // A machine that is dead already has nothing to empty.
  await connection.ssh
    .exec(
      machine,
      // With its socket, or a unit that asks fleet something as it stops would start it again.
      "sudo sh -c 'systemctl stop fleet.socket fleet; systemctl stop docker.socket docker flanneld etcd; sync'",
      { timeoutSeconds: 120 },
    )
    .catch((error: Error) => console.error(`${machine.name}: not drained: ${error.message}`));
  if (!interruption.aborted) return;
  // The engine will not take the machine away now, so it goes back to work.
  await backToWork(connection, machine);
  throw new Interrupted(what);
}
