import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "ssh2";
import { type Credentials, hostKey } from "../credentials";

/** Where a machine answers. */
export interface Machine {
  readonly name: string;
  readonly address: string;
  readonly sshPort?: number;
  readonly etcdPort?: number;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One ssh connection a machine, kept for the next call, as the user `core`; the host's key must be the derived one. */
export class SshPool {
  readonly #open = new Map<string, Promise<Client>>();

  constructor(private readonly credentials: Credentials) {}

  connect(machine: Machine): Promise<Client> {
    const known = this.#open.get(machine.address);
    if (known) return known;
    const connecting = this.#connect(machine);
    this.#open.set(machine.address, connecting);
    connecting.catch(() => this.#open.delete(machine.address));
    return connecting;
  }

  #connect(machine: Machine): Promise<Client> {
    const expected = Buffer.from(
      hostKey(this.credentials, machine.address).publicKey.split(" ")[1] as string,
      "base64",
    );
    return new Promise((resolve, reject) => {
      const client = new Client();
      const forget = () => this.#open.delete(machine.address);
      client
        .once("ready", () => {
          unref(client);
          resolve(client);
        })
        .on("error", (error) => {
          forget();
          reject(new Error(`ssh to ${machine.name} (${machine.address}): ${error.message}`));
        })
        .on("close", () => {
          forget();
          reject(new Error(`ssh to ${machine.name} (${machine.address}): connection closed`));
        })
        .connect({
          host: machine.address,
          port: machine.sshPort ?? 22,
          username: "core",
          privateKey: this.credentials.operatorKey,
          readyTimeout: 30_000,
          keepaliveInterval: 10_000,
          keepaliveCountMax: 6, // an emulated machine may not answer for a while
          algorithms: { serverHostKey: ["ssh-ed25519"] },
          hostVerifier: (key: Buffer) => key.equals(expected),
        });
    });
  }

  /** Tries until the machine lets the operator in. @throws Error saying where to look when it does not. */
  async waitFor(machine: Machine, timeoutSeconds: number): Promise<void> {
    const until = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      try {
        await this.connect(machine);
        return;
      } catch (error) {
        if (Date.now() > until) {
          throw new Error(
            `${(error as Error).message}, for ${timeoutSeconds} s; look at its console: virsh console ${machine.name}`,
          );
        }
        await sleep(500);
      }
    }
  }

  /** Runs a command; `input` is the place for anything secret. */
  async exec(
    machine: Machine,
    command: string,
    options: { input?: string; timeoutSeconds?: number } = {},
  ): Promise<ExecResult> {
    const client = await this.connect(machine);
    const seconds = options.timeoutSeconds ?? 60;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${machine.name}: \`${command}\`: ${why}`));
      const timer = setTimeout(() => fail(`no end within ${seconds} s`), seconds * 1000);
      client.exec(command, (error, channel) => {
        if (error) {
          clearTimeout(timer);
          fail(error.message);
          return;
        }
        let stdout = "";
        let stderr = "";
        channel.on("data", (data: Buffer) => {
          stdout += data;
        });
        channel.stderr.on("data", (data: Buffer) => {
          stderr += data;
        });
        channel.on("close", (code: number | null) => {
          clearTimeout(timer);
          if (code === null || code === undefined) fail("the connection ended first");
          else resolve({ code, stdout, stderr });
        });
        channel.end(options.input ?? "");
      });
    });
  }

  /** Runs a command that must succeed, and returns what it printed. */
  async succeed(
    machine: Machine,
    command: string,
    options: { input?: string; timeoutSeconds?: number } = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.exec(machine, command, options);
    if (code !== 0)
      throw new Error(
        `${machine.name}: \`${command}\` ended with ${code}: ${(stderr || stdout).trim().slice(-500)}`,
      );
    return stdout;
  }

  async openUnixSocket(machine: Machine, path: string): Promise<Duplex> {
    const client = await this.connect(machine);
    return new Promise((resolve, reject) => {
      client.openssh_forwardOutStreamLocal(path, (error, channel) =>
        error ? reject(new Error(`${machine.name}: ${path}: ${error.message}`)) : resolve(channel),
      );
    });
  }

  async openTcp(machine: Machine, host: string, port: number): Promise<Duplex> {
    const client = await this.connect(machine);
    return new Promise((resolve, reject) => {
      client.forwardOut("127.0.0.1", 0, host, port, (error, channel) =>
        error ? reject(new Error(`${machine.name}: ${host}:${port}: ${error.message}`)) : resolve(channel),
      );
    });
  }

  /** Forgets a connection that may be to a machine that is gone. */
  async drop(machine: Machine): Promise<void> {
    const known = this.#open.get(machine.address);
    this.#open.delete(machine.address);
    (await known?.catch(() => undefined))?.destroy();
  }

  async close(): Promise<void> {
    for (const open of this.#open.values()) (await open.catch(() => undefined))?.end();
    this.#open.clear();
  }
}

/** An idle connection must not keep the process from ending. */
function unref(client: Client): void {
  (client as unknown as { _sock?: { unref(): void } })._sock?.unref();
}
