import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payload } from "../../images/artifacts";
import { buildArtifacts } from "../../images/build";
import type { Machine } from "../../provider/clients/ssh";
import { Connection } from "../../provider/connection";
import { createCredentials, mintCertificate } from "../../provider/credentials";

/** Members of one etcd, each on a loopback address of its own in the place of a machine: without ssh, fleet and flannel. */
export class TestMembers {
  readonly #processes = new Map<string, ChildProcess>();

  private constructor(
    readonly connection: Connection,
    private readonly folder: string,
  ) {}

  /** Certificates and addresses for as many, 127.0.NETWORK.1 and on; none runs yet. */
  static async prepare(count: number, network = 97): Promise<TestMembers> {
    await buildArtifacts(() => {});
    const credentials = await createCredentials();
    const folder = mkdtempSync(join(tmpdir(), "taiga-members-"));
    const machines = Array.from({ length: count }, (_, index) => ({
      name: `m-${index + 1}`,
      address: `127.0.${network}.${index + 1}`,
    }));
    for (const { name, address } of machines) {
      const { certificate, key } = await mintCertificate(credentials, {
        commonName: name,
        addresses: [address],
        days: 1,
      });
      mkdirSync(join(folder, name));
      for (const [file, text] of Object.entries({ ca: credentials.caCertificate, crt: certificate, key }))
        writeFileSync(join(folder, name, file), text, { mode: 0o600 });
    }
    return new TestMembers(new Connection(machines, credentials), folder);
  }

  /** What a provider's `configure` gets. */
  get config(): { get(key: string): string | undefined } {
    const values: Record<string, string> = {
      "taiga:credentials": JSON.stringify(this.connection.credentials),
      "taiga:endpoints": JSON.stringify(this.connection.machines),
    };
    return { get: (key) => values[key] };
  }

  machine(index: number): Machine {
    return this.connection.machines[index - 1] as Machine;
  }

  start({ name, address }: Machine, cluster: string, state: "new" | "existing"): void {
    const [client, peer] = [`https://${address}:2379`, `https://${address}:2380`];
    const tls = (prefix: string) => [
      ...[`--${prefix}cert-file=crt`, `--${prefix}key-file=key`, `--${prefix}trusted-ca-file=ca`],
      `--${prefix}client-cert-auth`,
    ];
    const args = [
      ...[
        "--name",
        name,
        "--data-dir",
        "data",
        "--initial-cluster",
        cluster,
        "--initial-cluster-state",
        state,
      ],
      ...["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer],
      ...["--initial-advertise-peer-urls", peer, ...tls(""), ...tls("peer-")],
      ...["--enable-v2", "--peer-cert-allowed-hostname=localhost", "--bcrypt-cost=4"],
      ...["--heartbeat-interval", "500", "--election-timeout", "3000"], // milliseconds, as on the machines
    ];
    const options = { cwd: join(this.folder, name), stdio: "ignore" } as const;
    this.#processes.set(name, spawn(join(payload().tree, "bin/etcd"), args, options));
  }

  /** Resolves when the member's process has ended, by itself or by SIGKILL. */
  async ended({ name }: Machine, kill: boolean): Promise<void> {
    const child = this.#processes.get(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (kill) child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.connection.close();
    for (const machine of this.connection.machines) await this.ended(machine, true);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
