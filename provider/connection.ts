import { createHash } from "node:crypto";
import { plan } from "../nodes/plan";
import { machineNumbers, type PoolCount } from "../nodes/pool-numbers";
import type { EtcdClients } from "./clients/etcd";
import type { Machine, SshPool } from "./clients/ssh";
import { type Credentials, parseCredentials } from "./credentials";

/** What `configure` of a dynamic provider is given, and a program's `Config` resembles. */
export interface ConfigReader {
  get(key: string): string | undefined;
}

/**
 * All a provider needs to reach the cluster, from the stack's configuration alone: no resource carries an address or a
 * credential in its state. One a process, since every connection is shared.
 */
export class Connection {
  #ssh: SshPool | undefined;
  #etcd: EtcdClients | undefined;

  constructor(
    readonly machines: readonly Machine[],
    readonly credentials: Credentials,
  ) {}

  // Both load when they are first used: a preview, which contacts nothing, does without their 0.2 s.
  get ssh(): SshPool {
    if (!this.#ssh) {
      const { SshPool } = require("./clients/ssh") as typeof import("./clients/ssh");
      this.#ssh = new SshPool(this.credentials);
    }
    return this.#ssh;
  }

  get etcd(): EtcdClients {
    if (!this.#etcd) {
      const { EtcdClients } = require("./clients/etcd") as typeof import("./clients/etcd");
      this.#etcd = new EtcdClients(this.machines, this.credentials, this.ssh);
    }
    return this.#etcd;
  }

  static #shared = new Map<string, Connection>();

  static fromConfig(config: ConfigReader): Connection {
    const read = (key: string) => config.get(`taiga:${key}`) ?? config.get(key);
    const credentials = read("credentials");
    if (!credentials)
      throw new Error(
        "taiga:credentials is missing from the stack's configuration; run ./deploy.sh once to make it",
      );
    const parts = ["credentials", "endpoints", "network", "machines", "pools", "prefix"].map(read);
    const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
    const known = Connection.#shared.get(key);
    if (known) return known;
    const parsed = parseCredentials(credentials);
    const connection = new Connection(machinesOf(read, parsed), parsed);
    Connection.#shared.set(key, connection);
    return connection;
  }

  /** Whether the stack's configuration has a machine at this address: one that was taken out of it has no successor. */
  isPlanned({ address }: Pick<Machine, "address">): boolean {
    return this.machines.some((machine) => machine.address === address);
  }

  /** A machine by its address, under the name the caller knows it by, wherever it answers. */
  at({ name, address }: Pick<Machine, "name" | "address">): Machine {
    return { ...this.machines.find((machine) => machine.address === address), name, address };
  }

  async close(): Promise<void> {
    await this.#etcd?.close();
    await this.#ssh?.close();
  }
}

/** `taiga:endpoints` says where machines answer if not at their planned addresses. */
function machinesOf(read: (key: string) => string | undefined, { stack }: Credentials): readonly Machine[] {
  const endpoints = read("endpoints");
  if (endpoints) return JSON.parse(endpoints) as Machine[];
  // An empty text is a key's default in Pulumi.yaml, and means that it is not set.
  const numbers = machineNumbers(
    JSON.parse(read("machines") || "{}") as PoolCount,
    JSON.parse(read("pools") || "{}") as Record<string, PoolCount>,
    3,
  );
  const cidr = read("network") || "10.77.0.0/24";
  const prefix = read("prefix") || (stack ? `taiga-${stack}` : "machine"); // the engine tells a provider no stack
  return plan({ prefix, cidr, count: Math.max(...numbers), numbers }).machines;
}
