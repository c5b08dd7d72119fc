import type * as dynamic from "@pulumi/pulumi/dynamic";
import { FleetClient } from "../clients/fleet";
import type { Machine } from "../clients/ssh";
import { type ConfigReader, Connection } from "../connection";
import { lacksAt, look } from "../fleet/health";
import { Interrupted, interruption } from "../interrupt";
import { waitUntil } from "../progress";
import { howToJoin, memberEnvironment, memberFile } from "./bootstrap";
import { certificateFile, isEnding, newCertificate, usableUntil } from "./certificate";
import { readFiles, writeFiles } from "./files";
import { clusterLacks, etcdLacks, fleetMachines } from "./health";
import { ReplacementLock } from "./lock";
import { giveUpSubnet } from "./subnets";

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
  /** ISO 8601; `pulumi up` renews the certificate within 30 days of it. */
  readonly certificateNotAfter: string;
}

/** Seconds for each step; an emulated machine needs 20–50 s to boot, more when all boot at once. */
const patience = { boot: 600, join: 600, whole: 600, units: 900, turn: 2400 };

const lock = new ReplacementLock();
let shared: Connection | undefined;
const connected = (): Connection => {
  if (!shared) throw new Error("cluster.Membership was not configured");
  return shared;
};

export async function configure(request: { config: ConfigReader }): Promise<void> {
  shared = Connection.fromConfig(request.config);
}

export async function diff(
  _id: string,
  old: MembershipState,
  news: MembershipInputs,
): Promise<dynamic.DiffResult> {
  if (old.containers !== news.containers)
    throw new Error(
      `taiga:containers: ${JSON.stringify(news.containers)} is not what this cluster was made with; ` +
        `write ${JSON.stringify(old.containers)}, or make a new stack: flannel's leases are of that network`,
    );
  const replaces = (["name", "address", "machineRevision"] as const).filter(
    (field) => old[field] !== news[field],
  );
  return {
    changes: replaces.length > 0 || isEnding(old.certificateNotAfter),
    replaces,
    deleteBeforeReplace: true,
  };
}

/** Brings a machine into the cluster, or back into it, and waits until the cluster is whole with it. */
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

  const found = await readFiles(connection.ssh, machine, [memberFile, certificateFile]);
  let notAfter = await usableUntil(connection.credentials, machine, found[certificateFile]);
  if (!notAfter) {
    notAfter = await renew(connection, machine);
    // On a machine that has booted as a member already, they run with the certificate it had.
    if (found[memberFile]) await restartHolders(connection, machine);
  }
  if (!found[memberFile]) await join(connection, machine, inputs.members);

  await connection.ssh.succeed(machine, "sudo systemctl start --no-block taiga.target");
  await waitUntil({ what: `${name}: etcd`, timeoutSeconds: patience.join, lookAt: lookAt("etcd") }, () =>
    etcdLacks(connection, machine),
  );
  const { members } = (await connection.etcd.run((etcd) => etcd.cluster.memberList({}))) as {
    members: { ID: string; name: string; peerURLs: string[] }[];
  };
  const cluster = members.flatMap(({ name, peerURLs }) => peerURLs.map((url) => `${name}=${url}`)).join(",");
  const environment = memberEnvironment({ cluster, state: "existing" });
  if (found[memberFile] !== environment)
    await writeFiles(connection.ssh, machine, { [memberFile]: { content: environment, mode: "0644" } });

  const network = JSON.stringify({ Network: inputs.containers, SubnetLen: 24, Backend: { Type: "vxlan" } });
  await connection.etcd.run((etcd) =>
    etcd
      .if("/coreos.com/network/config", "Version", "==", 0)
      .then(etcd.put("/coreos.com/network/config").value(network))
      .commit(),
  );
  await waitUntil(
    { what: `${name}: cluster`, timeoutSeconds: patience.whole, lookAt: lookAt("flanneld docker fleet") },
    async () => (await clusterLacks(connection, [machine])) ?? dockerLacks(connection, machine),
  );

  const member = members.find(({ peerURLs }) => peerURLs.includes(`https://${machine.address}:2380`));
  const present = (await fleetMachines(connection, [machine])).find(
    ({ primaryIP }) => primaryIP === machine.address,
  );
  return {
    ...inputs,
    memberId: BigInt(member?.ID ?? 0).toString(16),
    machineId: present?.id ?? "",
    certificateNotAfter: notAfter.toISOString(),
  };
}

/**
 * A machine that comes back brings members of the database and the broker, which must be with the others before the next
 * machine goes. A unit that cannot become active holds up nobody for good: the change may be what puts it right.
 */
async function untilUnitsAreBack(connection: Connection, { name, address }: MembershipInputs): Promise<void> {
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const begun = Date.now();
  await waitUntil(
    {
      what: `${name}: its units`,
      timeoutSeconds: patience.units,
      lookAt: `fleetctl list-units (npm run ssh -- ${name})`,
      everySeconds: 2,
    },
    async () => {
      const lacks = lacksAt(await look(connection, fleet, begun), address).map(({ says }) => says);
      return lacks.length > 0 ? lacks.join(", ") : undefined;
    },
  ).catch((error: Error) => console.error(`${error.message}; going on`));
}

async function volumesLack(connection: Connection, machine: Machine): Promise<string | undefined> {
  // Waits there for a while: an emulated machine's answer to each question costs it a second.
  const { code } = await connection.ssh.exec(
    machine,
    "timeout 8 sh -c 'until mountpoint -q /var/lib/data && [ -x /opt/taiga/bin/etcd ]; do sleep 0.3; done'",
  );
  return code === 0 ? undefined : "its data volume or its payload is not mounted";
}

async function dockerLacks(connection: Connection, machine: Machine): Promise<string | undefined> {
  const { stdout } = await connection.ssh.exec(machine, "systemctl is-active docker");
  return stdout.trim() === "active" ? undefined : `docker is ${stdout.trim() || "not there"}`;
}

async function join(connection: Connection, machine: Machine, planned: readonly Machine[]): Promise<void> {
  const machines = planned.map((each) => connection.at(each));
  await waitUntil(
    {
      what: `${machine.name}: joining etcd`,
      timeoutSeconds: patience.join,
      lookAt: "the other machines: they must boot, or hold a quorum",
    },
    async () => {
      const joining = await howToJoin(connection, machine, machines);
      if (!joining) return "the other machines neither run a cluster nor are all blank";
      const content = memberEnvironment(joining);
      await writeFiles(connection.ssh, machine, { [memberFile]: { content, mode: "0644" } });
      return undefined;
    },
  );
}

async function renew(connection: Connection, machine: Machine): Promise<Date> {
  const { files, notAfter } = await newCertificate(connection.credentials, machine);
  await writeFiles(connection.ssh, machine, files);
  return notAfter;
}

/** etcd reads its certificate at each connection; these have read it once. Containers go on without them. */
async function restartHolders(connection: Connection, machine: Machine): Promise<void> {
  await connection.ssh.succeed(machine, "sudo systemctl try-restart --no-block fleet flanneld");
}

/** The only change that is not a replacement: a certificate that soon ends. */
export async function update(
  _id: string,
  old: MembershipState,
  news: MembershipInputs,
): Promise<dynamic.UpdateResult<MembershipState>> {
  const connection = connected();
  const machine = connection.at(news);
  const notAfter = await renew(connection, machine);
  await restartHolders(connection, machine);
  const { memberId, machineId } = old;
  return { outs: { ...news, memberId, machineId, certificateNotAfter: notAfter.toISOString() } };
}

/** Waits its turn and for all others to be whole, then empties the machine: the engine takes it away next. */
async function drain(_id: string, state: MembershipState): Promise<void> {
  const connection = connected();
  const machine = connection.at(state);
  // What was taken out of the configuration is no part of the whole any more.
  const others = state.members
    .filter((each) => each.address !== state.address && connection.isPlanned(each))
    .map((each) => connection.at(each));
  await lock.acquire(connection, state.name, patience.turn);
  try {
    await waitUntil(
      {
        what: `${state.name}: to be replaced`,
        timeoutSeconds: patience.whole,
        lookAt: "the machines it names: all others must be whole before one goes",
      },
      () => clusterLacks(connection, others),
    );
  } catch (error) {
    // It was not touched. The turn goes to the next: the machine that is not whole may be that one.
    await lock.release(connection, state.name).catch(() => {});
    throw error;
  }
  // A machine that is dead already has nothing to empty.
  await connection.ssh
    .exec(
      machine,
      // With its socket, or a unit that asks fleet something as it stops would start it again.
      "sudo sh -c 'systemctl stop fleet.socket fleet; systemctl stop docker.socket docker flanneld etcd; sync'",
      { timeoutSeconds: 120 },
    )
    .catch((error: Error) => console.error(`${state.name}: not drained: ${error.message}`));
  if (interruption.aborted) {
    // The engine will not take the machine away now, so it goes back to work.
    await connection.ssh
      .succeed(machine, "sudo systemctl start --no-block taiga.target")
      .catch((error: Error) => console.error(`${state.name}: not started again: ${error.message}`));
    await lock.release(connection, state.name).catch(() => {});
    throw new Interrupted(`${state.name}: to be replaced`);
  }
  await connection.ssh.drop(machine);
  // Nobody comes in the place of a machine that is no longer planned, to let the lock go and to want its subnet.
  if (connection.isPlanned(state)) return;
  await giveUpSubnet(connection, state.address);
  await lock.release(connection, state.name);
}

export { drain as delete };
