import { SshPool } from "../provider/clients/ssh";
import { parseCredentials } from "../provider/credentials";
import { interfaceOf, loseMachine, startMachine } from "../tests/support/machines";
import { acceptsWrites } from "../tests/support/primaries";
import type { Outputs, TestStack } from "../tests/support/stack";

export type Machine = Outputs["machines"][number];

/** What begins the names of a stack's machines, and names its pool. */
export const prefixOf = (stack: string): string => `taiga-${stack}`;

/** A running cluster as a fault sees it: its machines, who leads what, and their power switches. */
export class Cluster {
  private constructor(
    readonly stack: TestStack,
    readonly outputs: Outputs,
    readonly ssh: SshPool,
  ) {}

  static async of(stack: TestStack): Promise<Cluster> {
    const credentials = parseCredentials(await stack.pulumi("config", "get", "taiga:credentials"));
    return new Cluster(stack, await stack.outputs(), new SshPool(credentials));
  }

  get machines(): readonly Machine[] {
    return this.outputs.machines;
  }

  get gateway() {
    const { url, caCertificate } = this.outputs;
    return { url, caCertificate };
  }

  /** The storage pool that has all volumes. */
  get pool(): { readonly name: string; readonly path: string } {
    const name = prefixOf(this.stack.name);
    return { name, path: `/var/lib/taiga/${name}` };
  }

  /** Runs a command on each machine that answers. */
  async onEach(command: string, machines = this.machines): Promise<Map<Machine, string>> {
    const answers = await Promise.all(
      machines.map((machine) => this.ssh.succeed(machine, command).catch(() => undefined)),
    );
    return new Map(
      machines.flatMap((machine, index) => {
        const answer = answers[index];
        return answer === undefined ? [] : [[machine, answer] as const];
      }),
    );
  }

  /** The machine whose PostgreSQL accepts writes. */
  async databaseLeader(): Promise<Machine> {
    const answers = await Promise.all(this.machines.map((machine) => acceptsWrites(this.ssh, machine)));
    return only(
      "the database's leader",
      this.machines.filter((_, index) => answers[index]),
    );
  }

  async etcdLeader(): Promise<Machine> {
    const answers = await this.onEach("etcdctl endpoint status -w json");
    const leads = (text: string): boolean => {
      const [{ Status: status }] = JSON.parse(text);
      return status.header.member_id === status.leader;
    };
    return only("etcd's leader", where(answers, leads));
  }

  /** The machine that has the entry address. */
  async entryHolder(): Promise<Machine> {
    const { hostname } = new URL(this.outputs.url);
    const answers = await this.onEach("ip -o -4 address");
    return only(
      "the entry's",
      where(answers, (text) => text.includes(` ${hostname}/`)),
    );
  }

  /** Takes a machine's power away. */
  async lose(machine: Machine): Promise<void> {
    await loseMachine(machine.name, machine.hypervisor);
    await this.ssh.drop(machine);
  }

  start(machine: Machine): Promise<void> {
    return startMachine(machine.name, machine.hypervisor);
  }

  /** The machine's end of the bridge, on this host. */
  interfaceOf(machine: Machine): string {
    return interfaceOf(machine.name, machine.hypervisor);
  }

  close(): Promise<void> {
    return this.ssh.close();
  }
}

/** The machines whose answers are as wanted. */
const where = (answers: ReadonlyMap<Machine, string>, wanted: (answer: string) => boolean): Machine[] =>
  [...answers].filter(([, answer]) => wanted(answer)).map(([machine]) => machine);

/** @throws Error when it is not exactly one machine. */
function only(what: string, found: readonly Machine[]): Machine {
  const [first] = found;
  if (!first || found.length > 1) throw new Error(`${found.length} machines are ${what}, not one`);
  return first;
}
