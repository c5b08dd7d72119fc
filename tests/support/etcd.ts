import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payload } from "../../images/artifacts";
import { buildArtifacts } from "../../images/build";
import { type Credentials, createCredentials, mintCertificate } from "../../provider/credentials";

/** A real etcd on loopback, with the payload's own binary, mutual TLS and a CA of its own. */
export class TestEtcd {
  #process: ChildProcess | undefined;
  private constructor(
    readonly credentials: Credentials,
    readonly port: number,
    private readonly folder: string,
  ) {}

  static async start(): Promise<TestEtcd> {
    await buildArtifacts(() => {});
    const credentials = await createCredentials();
    const folder = mkdtempSync(join(tmpdir(), "taiga-etcd-"));
    const { certificate, key } = await mintCertificate(credentials, { commonName: "test", days: 1 });
    for (const [name, text] of Object.entries({ ca: credentials.caCertificate, crt: certificate, key })) {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    const etcd = new TestEtcd(credentials, await freePort(), folder);
    await etcd.up();
    return etcd;
  }

  /** What a provider's `configure` gets. */
  get config(): { get(key: string): string | undefined } {
    const values: Record<string, string> = {
      "taiga:credentials": JSON.stringify(this.credentials),
      "taiga:endpoints": JSON.stringify([
        { name: "test", address: "127.0.0.1", etcdPort: this.port, sshPort: 1 },
      ]),
    };
    return { get: (key) => values[key] };
  }

  async up(): Promise<void> {
    const url = `https://127.0.0.1:${this.port}`;
    const peer = await freePort();
    const tls = ["--cert-file", "crt", "--key-file", "key", "--trusted-ca-file", "ca", "--client-cert-auth"];
    this.#process = spawn(
      join(payload().tree, "bin/etcd"),
      [
        ...["--data-dir", "data", "--listen-client-urls", url, "--advertise-client-urls", url, ...tls],
        ...["--listen-peer-urls", `http://127.0.0.1:${peer}`],
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
