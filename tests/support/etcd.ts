import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payload } from "../../images/artifacts";
import { buildArtifacts } from "../../images/build";
import { type Credentials, createCredentials, mintCertificate } from "../../provider/credentials";

/** A real etcd on a loopback address of its own, where nobody gets its ports by chance, with the payload's own binary, mutual TLS and a CA of its own. */
export class TestEtcd {
  #process: ChildProcess | undefined;
  private constructor(
    readonly credentials: Credentials,
    private readonly address: string,
    private readonly folder: string,
  ) {}

  /** @param network it listens on 127.0.NETWORK.1 */
  static async start(network: number): Promise<TestEtcd> {
    await buildArtifacts(() => {});
    const credentials = await createCredentials();
    const address = `127.0.${network}.1`;
    const folder = mkdtempSync(join(tmpdir(), "taiga-etcd-"));
    const { certificate, key } = await mintCertificate(credentials, {
      commonName: "test",
      addresses: [address],
      days: 1,
    });
    for (const [name, text] of Object.entries({ ca: credentials.caCertificate, crt: certificate, key })) {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    const etcd = new TestEtcd(credentials, address, folder);
    await etcd.up();
    return etcd;
  }

  get url(): string {
    return `https://${this.address}:2379`;
  }

  /** What a provider's `configure` gets. */
  get config(): { get(key: string): string | undefined } {
    const values: Record<string, string> = {
      "taiga:credentials": JSON.stringify(this.credentials),
      "taiga:endpoints": JSON.stringify([{ name: "test", address: this.address, sshPort: 1 }]),
    };
    return { get: (key) => values[key] };
  }

  async up(): Promise<void> {
    const { url } = this;
    const tls = ["--cert-file", "crt", "--key-file", "key", "--trusted-ca-file", "ca", "--client-cert-auth"];
    this.#process = spawn(
      join(payload().tree, "bin/etcd"),
      [
        ...["--data-dir", "data", "--listen-client-urls", url, "--advertise-client-urls", url, ...tls],
        ...["--listen-peer-urls", `http://${this.address}:2380`],
      ],
      { cwd: this.folder, stdio: "ignore" },
    );
  }

  async down(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once("exit", resolve));
    this.#process?.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
