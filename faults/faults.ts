import type { Cluster, Machine } from "./cluster";
import { destroyMachine } from "./destroyed";
import type { Fault, Shot } from "./fault";
import { cutOff, mend } from "./network";

/** A machine loses its power, and gets it back when the others have taken over. */
const powerOf = (cluster: Cluster, machine: Machine): Shot => ({
  target: machine.name,
  strike: () => cluster.lose(machine),
  heal: () => cluster.start(machine),
});

const lost = (name: string, says: string, find: (cluster: Cluster) => Promise<Machine>): Fault => ({
  name,
  says,
  power: "of a leader",
  aim: async (cluster) => powerOf(cluster, await find(cluster)),
});

const numbered = (number: number): Fault => ({
  ...lost(`machine ${number} lost`, `machine ${number} loses power`, async ({ machines }) => {
    const machine = machines[number - 1];
    if (!machine) throw new Error(`there is no machine ${number}`);
    return machine;
  }),
  power: "of a machine",
});

const networkCut: Fault = {
  name: "network cut",
  says: "the database leader's machine is cut off from the others, not from its users",
  aim: async (cluster) => {
    const machine = await cluster.databaseLeader();
    return {
      target: machine.name,
      strike: async () => cutOff(cluster.pool.name, cluster.interfaceOf(machine)),
      heal: async () => mend(cluster.pool.name),
    };
  },
};

/** Docker is told to kill it, as the kernel does when memory ends. */
const killed = (
  name: string,
  says: string,
  find: (cluster: Cluster) => Promise<[Machine, string]>,
): Fault => ({
  name,
  says,
  aim: async (cluster) => {
    const [machine, container] = await find(cluster);
    return {
      target: `${container} on ${machine.name}`,
      strike: () => cluster.ssh.succeed(machine, `sudo docker kill ${container}`),
    };
  },
});

const back = async (cluster: Cluster): Promise<[Machine, string]> => {
  for (const [machine, names] of await cluster.onEach("sudo docker ps --format '{{.Names}}'")) {
    const container = names.split("\n").find((name) => name.startsWith("taiga-back-"));
    if (container) return [machine, container];
  }
  throw new Error("no machine has a back");
};

const filler = "/var/lib/data/filler";

const diskFull: Fault = {
  name: "disk full",
  says: "the data disk of the database leader's machine fills up, and is emptied again",
  aim: async (cluster) => {
    const machine = await cluster.databaseLeader();
    // At once but for the last blocks: the outage is counted from when it began.
    const fill = `sudo sh -c 'fallocate -l $(df --output=avail -B1 /var/lib/data | tail -1) ${filler}; dd if=/dev/zero of=${filler}2 bs=1M 2>/dev/null; dd if=/dev/zero of=${filler}2 bs=1k oflag=append conv=notrunc 2>/dev/null; df --output=avail /var/lib/data'`;
    return {
      target: machine.name,
      strike: async () => {
        const left = Number(
          (await cluster.ssh.succeed(machine, fill, { timeoutSeconds: 600 })).split("\n")[1],
        );
        if (left > 1024) throw new Error(`${machine.name}: ${left} KiB are left on its data disk`);
      },
      heal: () => cluster.ssh.succeed(machine, `sudo rm ${filler} ${filler}2`),
    };
  },
};

const powerCut: Fault = {
  name: "power cut",
  says: "all machines lose power at once, and it returns",
  spared: true,
  aim: async (cluster) => ({
    target: "all machines",
    strike: async () => {
      await Promise.all(cluster.machines.map((machine) => cluster.lose(machine)));
      await Promise.all(cluster.machines.map((machine) => cluster.start(machine)));
    },
  }),
};

const destroyed: Fault = {
  name: "machine destroyed",
  says: "a machine and its data are gone for good; pulumi up --refresh makes another in its place",
  aim: async (cluster) => {
    const machine = await cluster.databaseLeader();
    return {
      target: machine.name,
      strike: () => destroyMachine(cluster, machine),
      heal: async () => {
        await cluster.ssh.drop(machine);
        await cluster.stack.pulumi("up", "--refresh", "--yes", "--skip-preview");
      },
    };
  },
};

/** What `npm run faults` has strike a cluster, in this order. */
export const faults: readonly Fault[] = [
  numbered(1),
  numbered(2),
  numbered(3),
  lost("database leader lost", "the machine of the database's leader loses power", (cluster) =>
    cluster.databaseLeader(),
  ),
  lost("etcd leader lost", "the machine of etcd's leader loses power", (cluster) => cluster.etcdLeader()),
  lost("entry lost", "the machine with the entry address loses power", (cluster) => cluster.entryHolder()),
  networkCut,
  killed("back killed", "the container of a back is killed", back),
  killed("database killed", "the container of the database's leader is killed", async (cluster) => [
    await cluster.databaseLeader(),
    "taiga-db",
  ]),
  diskFull,
  powerCut,
  destroyed,
];
