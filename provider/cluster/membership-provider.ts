import type * as dynamic from "@pulumi/pulumi/dynamic";
import type { Machine } from "../clients/ssh";
import { type ConfigReader, Connection } from "../connection";
import { mintCertificate } from "../credentials";
import { waitUntil } from "../progress";
import { howToJoin, memberEnvironment, memberFile, membershipOn } from "./bootstrap";
import { clusterLacks, etcdLacks } from "./health";
import { ReplacementLock } from "./lock";

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
  /** ISO 8601; `pulumi up` renews the certificate within 30 days of it. */
  readonly certificateNotAfter: string;
}

const certificateDays = 365;
const renewBefore = 30 * 24 * 3600 * 1000;
/** Seconds for each step; an emulated machine needs 20–50 s to boot, more when all boot at once. */
const patience = { boot: 600, join: 600, whole: 600, turn: 3600 };

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
  const replaces = (["name", "address", "machineRevision"] as const).filter(
    (field) => old[field] !== news[field],
  );
  const expires = Date.parse(old.certificateNotAfter) - Date.now() < renewBefore;
  return { changes: replaces.length > 0 || expires, replaces, deleteBeforeReplace: true };
}

/** Brings a machine into the cluster, or back into it, and waits until the cluster is whole with it. */
export async function create(inputs: MembershipInputs): Promise<dynamic.CreateResult<MembershipState>> {
  const connection = connected();
  const machine = connection.at(inputs);
  const look = (unit: string) =>
    `systemctl status ${unit} on ${inputs.name} (npm run ssh -- ${inputs.name}), virsh console ${inputs.name}`;
  await connection.ssh.drop(machine); // a connection to its predecessor may still seem open
  await waitUntil(
    {
      what: `${inputs.name}: ssh`,
      timeoutSeconds: patience.boot,
      lookAt: `virsh console ${inputs.name}`,
      everySeconds: 0.5,
    },
    async () => {
      await connection.ssh.connect(machine);
      return undefined;
    },
  );
  await connection.ssh.succeed(
    machine,
    "until mountpoint -q /var/lib/data && [ -x /opt/taiga/bin/etcd ]; do sleep 0.5; done",
    {
      timeoutSeconds: patience.boot,
    },
  );
  const certificateNotAfter = await deliverCertificate(connection, machine);
  if ((await membershipOn(connection.ssh, machine)) === undefined)
    await join(connection, machine, inputs.members);
  await connection.ssh.succeed(machine, "sudo systemctl start --no-block taiga.target");
  await waitUntil({ what: `${inputs.name}: etcd`, timeoutSeconds: patience.join, lookAt: look("etcd") }, () =>
    etcdLacks(connection, machine),
  );
  const { members } = (await connection.etcd.run((etcd) => etcd.cluster.memberList({}))) as {
    members: { name: string; peerURLs: string[] }[];
  };
  const list = members.flatMap(({ name, peerURLs }) => peerURLs.map((url) => `${name}=${url}`)).join(",");
  await writeFile(
    connection,
    machine,
    memberFile,
    memberEnvironment({ cluster: list, state: "existing" }),
    "0644",
  );
  const network = JSON.stringify({ Network: inputs.containers, SubnetLen: 24, Backend: { Type: "vxlan" } });
  await connection.etcd.run((etcd) =>
    etcd
      .if("/coreos.com/network/config", "Version", "==", 0)
      .then(etcd.put("/coreos.com/network/config").value(network))
      .commit(),
  );
  await waitUntil(
    {
      what: `${inputs.name}: cluster`,
      timeoutSeconds: patience.whole,
      lookAt: look("flanneld docker fleet"),
    },
    () => clusterLacks(connection, [machine]),
  );
  await lock.release(connection, inputs.name);
  return { id: inputs.name, outs: { ...inputs, certificateNotAfter } };
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
      await writeFile(connection, machine, memberFile, memberEnvironment(joining), "0644");
      return undefined;
    },
  );
}

/** A new certificate for the machine, for a year; its key is made here and never stored here. */
async function deliverCertificate(connection: Connection, machine: Machine): Promise<string> {
  const minted = await mintCertificate(connection.credentials, {
    commonName: machine.name,
    addresses: [machine.address],
    days: certificateDays,
  });
  const files = {
    "ca.crt": connection.credentials.caCertificate,
    "node.crt": minted.certificate,
    "node.key": minted.key,
  };
  for (const [file, text] of Object.entries(files)) {
    await writeFile(
      connection,
      machine,
      `/var/lib/data/pki/${file}`,
      text,
      file.endsWith(".key") ? "0600" : "0644",
    );
  }
  return minted.notAfter.toISOString();
}

/** Writes a file as root, all of it or nothing; the content goes over standard input. */
async function writeFile(
  connection: Connection,
  machine: Machine,
  path: string,
  content: string,
  mode: string,
): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const command = `sudo sh -c 'umask 077 && mkdir -p ${folder} && cat >${path}.new && chmod ${mode} ${path}.new && mv ${path}.new ${path}'`;
  await connection.ssh.succeed(machine, command, { input: content });
}

/** The only change that is not a replacement: a certificate that soon ends. etcd and fleet read it at each connection. */
export async function update(
  _id: string,
  _old: MembershipState,
  news: MembershipInputs,
): Promise<dynamic.UpdateResult<MembershipState>> {
  const connection = connected();
  const machine = connection.at(news);
  const certificateNotAfter = await deliverCertificate(connection, machine);
  await connection.ssh.succeed(machine, "sudo systemctl restart --no-block fleet flanneld");
  return { outs: { ...news, certificateNotAfter } };
}

/** Waits its turn and for all others to be whole, then empties the machine: the engine takes it away next. */
async function drain(_id: string, state: MembershipState): Promise<void> {
  const connection = connected();
  const machine = connection.at(state);
  const others = state.members
    .filter(({ address }) => address !== state.address)
    .map((each) => connection.at(each));
  await lock.acquire(connection, state.name, patience.turn);
  await waitUntil(
    {
      what: `${state.name}: to be replaced`,
      timeoutSeconds: patience.whole,
      lookAt: "the machines it names: all others must be whole before one goes",
    },
    () => clusterLacks(connection, others),
  );
  // A machine that is dead already has nothing to empty.
  await connection.ssh
    .exec(
      machine,
      "sudo sh -c 'systemctl stop fleet; systemctl stop docker.socket docker flanneld etcd; sync'",
      { timeoutSeconds: 120 },
    )
    .catch((error: Error) => console.error(`${state.name}: not drained: ${error.message}`));
  await connection.ssh.drop(machine);
}

export { drain as delete };
