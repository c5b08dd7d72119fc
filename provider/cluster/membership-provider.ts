import type * as dynamic from "@pulumi/pulumi/dynamic";
import type { Machine } from "../clients/ssh";
import { configured } from "../configured";
import type { Connection } from "../connection";
import { failures } from "../failures";
import { waitUntil } from "../progress";
import {
  howToJoin,
  type Joining,
  memberEnvironment,
  memberFile,
  memberFolder,
  untold,
  wasRemoved,
} from "./bootstrap";
import { certificateFiles, isEnding, newCertificates, usableUntil } from "./certificate";
import { depart } from "./departure";
import { readFiles, writeFiles } from "./files";
import { clusterLacks, etcdLacks, fleetMachines, membersLack } from "./health";
import { lock } from "./lock";
import { initialCluster, listMembers, memberOf, promote } from "./members";
import { untilUnitsAreBack } from "./units-back";

export interface MembershipInputs {
  readonly name: string;
  readonly address: string;
  /** Changes when the machine is another one under the same name. */
  readonly machineRevision: string;
  /** Every planned machine. A change of this list alone changes nothing. */
  readonly members: readonly Machine[];
  /** flannel's network for containers, CIDR. */
  readonly containers: string;
}

interface MembershipState extends MembershipInputs {
  /** etcd's id of the member, hexadecimal as etcdctl prints it. */
  readonly memberId: string;
  /** The machine's id, under which fleet knows it. */
  readonly machineId: string;
  /** ISO 8601; `pulumi up` renews the certificates within 30 days of it. */
  readonly certificateNotAfter: string;
  /** ISO 8601: when it was brought in. What the cluster was told before, it may have forgotten. */
  readonly enrolled: string;
}

/** Seconds for each step; an emulated machine needs 20–50 s to boot, more when all boot at once. */
const patience = { boot: 600, join: 600, together: 20, whole: 600 };

const { configure, connected } = configured("cluster.Membership");

export { configure };

export async function check(
  { containers }: Partial<MembershipInputs>,
  news: MembershipInputs,
): Promise<dynamic.CheckResult<MembershipInputs>> {
  return {
    inputs: news,
    failures: failures({
      containers:
        containers !== undefined && containers !== news.containers
          ? `taiga:containers: ${JSON.stringify(news.containers)} is not what this cluster was made with; ` +
            `write ${JSON.stringify(containers)}, or make a new stack: flannel's leases are of that network`
          : undefined,
    }),
  };
}

export async function diff(
  _id: string,
  old: MembershipState,
  news: MembershipInputs,
): Promise<dynamic.DiffResult> {
  const replaces = (["name", "address", "machineRevision"] as const).filter(
    (field) => old[field] !== news[field],
  );
  return {
    changes: replaces.length > 0 || isEnding(old.certificateNotAfter),
    replaces,
    deleteBeforeReplace: true,
  };
}

/** Brings a machine into the cluster, or back into it, and waits until that is whole with it; in a new one, until it may be given units. */
export async function create(inputs: MembershipInputs): Promise<dynamic.CreateResult<MembershipState>> {
  const connection = connected();
  try {
    const outs = await enrol(connection, inputs);
    await untilUnitsAreBack(connection, inputs);
    await lock.release(connection, inputs.name);
    return { id: inputs.name, outs };
  } catch (error) {
    lock.fail(inputs.name, (error as Error).message);
    throw error;
  }
}

async function enrol(connection: Connection, inputs: MembershipInputs): Promise<MembershipState> {
  const machine = connection.at(inputs);
  const { name } = inputs;
  const lookAt = (units: string) =>
    `systemctl status ${units} (npm run ssh -- ${name}), virsh console ${name}`;
  await connection.ssh.drop(machine); // a connection to its predecessor may still seem open
  await waitUntil(
    {
      what: `${name}: ssh`,
      timeoutSeconds: patience.boot,
      lookAt: `virsh console ${name}`,
      everySeconds: 0.2,
      isFree: true,
    },
    async () => ((await connection.ssh.isListening(machine)) ? undefined : "nothing listens"),
  );
  await waitUntil(
    {
      what: `${name}: ssh`,
      timeoutSeconds: patience.boot,
      lookAt: `virsh console ${name}`,
      everySeconds: 0.5,
    },
    async () => {
      await connection.ssh.connect(machine);
      return undefined;
    },
  );
  await waitUntil(
    { what: `${name}: volumes`, timeoutSeconds: patience.boot, lookAt: lookAt("volumes") },
    () => volumesLack(connection, machine),
  );

  const found = await readFiles(connection.ssh, machine, [memberFile, ...certificateFiles]);
  let notAfter = await usableUntil(connection.credentials, machine, found);
  if (!notAfter) {
    notAfter = await renew(connection, machine);
    // On a machine that has booted as a member already, they run with the certificate it had.
    if (found[memberFile]) await restartHolders(connection, machine);
  }
  const planned = inputs.members.map((each) => connection.at(each));
  if (found[memberFile] && (await wasRemoved(connection, machine, planned))) {
    await connection.ssh.succeed(
      machine,
      `sudo sh -c 'systemctl stop fleet.socket fleet docker.socket docker flanneld etcd; rm -rf ${memberFolder}'`,
      { timeoutSeconds: 120 },
    );
    delete found[memberFile];
  }
  const joining = found[memberFile] ? undefined : await join(connection, machine, planned);

  await connection.ssh.succeed(machine, "sudo systemctl start --no-block taiga.target");
  await waitUntil(
    { what: `${name}: etcd`, timeoutSeconds: patience.join, lookAt: lookAt("etcd"), everySeconds: 0.25 },
    async () => {
      const lacks = await etcdLacks(connection, machine);
      // A learner refuses what needs a quorum, and says why.
      if (!lacks || !/learner/.test(lacks)) return lacks;
      return (await promote(connection, machine)) ?? etcdLacks(connection, machine);
    },
  );
  const network = JSON.stringify({ Network: inputs.containers, SubnetLen: 24, Backend: { Type: "vxlan" } });
  await connection.etcd.run((etcd) =>
    etcd
      .if("/coreos.com/network/config", "Version", "==", 0)
      .then(etcd.put("/coreos.com/network/config").value(network))
      .commit(),
  );
  const members = await listMembers(connection);
  const cluster = initialCluster(members, inputs.members);
  const environment = memberEnvironment({ cluster, state: "existing" });
  if (found[memberFile] !== environment)
    await writeFiles(connection.ssh, machine, { [memberFile]: { content: environment, mode: "0644" } });

  // Of a new cluster nothing can be lost, and its units go to fleet while Docker starts: Readiness waits for that beside them.
  const lacks = joining?.state === "new" ? membersLack : clusterLacks;
  await waitUntil(
    {
      what: `${name}: cluster`,
      timeoutSeconds: patience.whole,
      lookAt: lookAt("flanneld docker fleet"),
      everySeconds: 0.25,
    },
    () => lacks(connection, [machine]),
  );

  const member = memberOf(members, machine);
  const present = (await fleetMachines(connection, [machine])).find(
    ({ primaryIP }) => primaryIP === machine.address,
  );
  return {
    ...inputs,
    memberId: BigInt(member?.ID ?? 0).toString(16),
    machineId: present?.id ?? "",
    certificateNotAfter: notAfter.toISOString(),
    enrolled: new Date().toISOString(),
  };
}

async function volumesLack(connection: Connection, machine: Machine): Promise<string | undefined> {
  // Waits there for a while: an emulated machine's answer to each question costs it a second.
  const { code } = await connection.ssh.exec(
    machine,
    "timeout 8 sh -c 'until mountpoint -q /var/lib/data && [ -x /opt/taiga/bin/etcd ]; do sleep 0.3; done'",
  );
  return code === 0 ? undefined : "its data volume or its payload is not mounted";
}

async function join(
  connection: Connection,
  machine: Machine,
  planned: readonly Machine[],
): Promise<Joining | undefined> {
  let joining: Joining | undefined;
  await waitUntil(
    {
      what: `${machine.name}: joining etcd`,
      timeoutSeconds: patience.join,
      lookAt: "the other machines: they must boot, or hold a quorum",
      everySeconds: 0.25,
    },
    async () => {
      joining = await howToJoin(connection, machine, planned);
      if (!joining) return "the other machines neither run a cluster nor are all blank";
      const content = memberEnvironment(joining);
      await writeFiles(connection.ssh, machine, { [memberFile]: { content, mode: "0644" } });
      return undefined;
    },
  );
  if (joining?.state === "new") await untilAllJoin(connection, machine, planned);
  return joining;
}

/**
 * Members of a new cluster that start together elect a leader at once. Of one that starts before the others these would ask whether
 * there is a cluster, and wait for seconds: it cannot say before it has a leader, for which it waits for them.
 */
async function untilAllJoin(
  connection: Connection,
  { name, address }: Machine,
  planned: readonly Machine[],
): Promise<void> {
  const others = planned.filter((each) => each.address !== address);
  await waitUntil(
    {
      what: `${name}: to start etcd with the others`,
      timeoutSeconds: patience.together,
      lookAt: "the other machines",
      everySeconds: 0.1,
    },
    async () => {
      const waiting = await untold(connection, others);
      return waiting.length > 0 ? `${waiting.join(", ")} not ready` : undefined;
    },
  ).catch((error: Error) => console.error(`${error.message}; going on`));
}

async function renew(connection: Connection, machine: Machine): Promise<Date> {
  const { files, notAfter } = await newCertificates(connection.credentials, machine);
  await writeFiles(connection.ssh, machine, files);
  return notAfter;
}

/** etcd reads its certificate at each connection; these have read theirs once. Containers go on without them. */
async function restartHolders(connection: Connection, machine: Machine): Promise<void> {
  await connection.ssh.succeed(machine, "sudo systemctl try-restart --no-block fleet flanneld");
}

/**
 * A machine that etcd knows no more is to be brought in again: somebody took it out, or an update that did not end. While no
 * quorum answers, nothing is said about anybody.
 */
export async function read(
  id: string,
  props?: MembershipState,
): Promise<dynamic.ReadResult<Partial<MembershipState>>> {
  if (!props) return {};
  const connection = connected();
  // One that leaves has more to do than to leave etcd.
  if (!connection.isPlanned(props)) return { id, props };
  const members = await listMembers(connection).catch(() => undefined);
  return members && !memberOf(members, props) ? {} : { id, props };
}

/** The only change that is not a replacement: certificates that soon end. */
export async function update(
  _id: string,
  old: MembershipState,
  news: MembershipInputs,
): Promise<dynamic.UpdateResult<MembershipState>> {
  const connection = connected();
  const machine = connection.at(news);
  const notAfter = await renew(connection, machine);
  await restartHolders(connection, machine);
  const { memberId, machineId, enrolled } = old;
  return { outs: { ...news, memberId, machineId, certificateNotAfter: notAfter.toISOString(), enrolled } };
}

/** The engine takes the machine away next. */
const remove = (_id: string, state: MembershipState): Promise<void> => depart(connected(), state);

export { remove as delete };
