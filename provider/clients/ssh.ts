import { connect as dial } from "node:net";
import type { Duplex } from "node:stream";
import { Client, type ClientChannel } from "ssh2";
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

export interface ExecOptions {
  /** Goes to standard input: the place for anything secret. */
  readonly input?: string;
  /** Default: 60. */
  readonly timeoutSeconds?: number;
}

export interface RunningCommand {
  /** Reading is the command's output, writing its input; `end()` is the input's end. */
  readonly channel: Duplex;
  /** Rejects when the command does not end well. */
  readonly finished: Promise<void>;
}

/** One ssh connection a machine, kept for the next call, as the user `core`; the host's key must be the derived one. */
export class SshPool {
  readonly #open = new Map<string, Promise<Client>>();

  constructor(private readonly credentials: Credentials) {}

  connect(machine: Machine): Promise<Client> {
    const known = this.#open.get(machine.address);
    if (known) return known;
    // Only the connection that ended is forgotten: by then there may be another to the machine's successor.
    const forget = () => {
      if (this.#open.get(machine.address) === connecting) this.#open.delete(machine.address);
    };
    const connecting = this.#connect(machine, forget);
    this.#open.set(machine.address, connecting);
    connecting.catch(() => {});
    return connecting;
  }

  #connect(machine: Machine, forget: () => void): Promise<Client> {
    const expected = Buffer.from(
      hostKey(this.credentials, machine.address).publicKey.split(" ")[1] as string,
      "base64",
    );
    return new Promise((resolve, reject) => {
      const client = new Client();
      client.setMaxListeners(0); // each channel that is being opened listens for the connection's end
      const socket = dial(machine.sshPort ?? 22, machine.address)
        .setNoDelay(true) // a call is several small packets; Nagle would hold each back by 40 ms
        // The kernels' keepalive and not ssh's, whose timer would keep this process from ending; and the kernel of a busy
        // emulated machine answers when its sshd cannot. A machine that is gone is noticed within half a minute.
        .setKeepAlive(true, 10_000);
      const lost = (why: string) => {
        forget();
        reject(new Error(`ssh to ${machine.name} (${machine.address}): ${why}`));
      };
      client
        .once("ready", () => {
          socket.unref(); // an idle connection does not keep this process; whoever uses it has a timer that does
          resolve(client);
        })
        .on("error", (error) => {
          lost(error.message);
          client.destroy();
        })
        .on("close", () => lost("connection closed"))
        .connect({
          sock: socket,
          username: "core",
          privateKey: this.credentials.operatorKey,
          readyTimeout: 30_000,
          algorithms: { serverHostKey: ["ssh-ed25519"] },
          hostVerifier: (key: Buffer) => key.equals(expected),
        });
    });
  }

  /**
   * Whether the machine takes connections: asked of its kernel, within a second. One that is asked for an address nobody has
   * yet takes three to say so.
   */
  isListening(machine: Machine): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = dial({ host: machine.address, port: machine.sshPort ?? 22, timeout: 1000 });
      const end = (listening: boolean) => {
        socket.destroy();
        resolve(listening);
      };
      socket
        .once("connect", () => end(true))
        .once("error", () => end(false))
        .once("timeout", () => end(false));
    });
  }

  /** Runs a command to its end. */
  async exec(machine: Machine, command: string, options: ExecOptions = {}): Promise<ExecResult> {
    const what = `\`${command}\``;
    const channel = await this.#channel<ClientChannel>(machine, what, (client, done) =>
      client.exec(command, done),
    );
    const seconds = options.timeoutSeconds ?? 60;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${machine.name}: ${what}: ${why}`));
      const timer = setTimeout(() => {
        fail(`no end within ${seconds} s`);
        this.#distrust(machine);
        channel.close();
      }, seconds * 1000);
      const printed = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
      channel.on("data", (part: Buffer) => printed.stdout.push(part));
      channel.stderr.on("data", (part: Buffer) => printed.stderr.push(part));
      channel.on("close", (code: number | null | undefined, signal?: string) => {
        clearTimeout(timer);
        if (typeof code !== "number")
          return fail(signal ? `ended by ${signal}` : "the connection ended first");
        const text = (parts: Buffer[]) => Buffer.concat(parts).toString();
        resolve({ code, stdout: text(printed.stdout), stderr: text(printed.stderr) });
      });
      channel.end(options.input ?? "");
    });
  }

  /** Runs a command that must succeed, and returns what it printed. */
  async succeed(machine: Machine, command: string, options: ExecOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.exec(machine, command, options);
    if (code !== 0)
      throw new Error(
        `${machine.name}: \`${command}\` ended with ${code}: ${(stderr || stdout).trim().slice(-500)}`,
      );
    return stdout;
  }

  /** Starts a command whose input or output is too much to be held: both are streams, and `finished` says how it ended. */
  async start(machine: Machine, command: string): Promise<RunningCommand> {
    const what = `\`${command}\``;
    const channel = await this.#channel<ClientChannel>(machine, what, (client, done) =>
      client.exec(command, done),
    );
    // The socket of an idle connection keeps no process; a command that is waited for must.
    const alive = setInterval(() => {}, 60_000);
    let said = "";
    channel.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2000);
    });
    const finished = new Promise<void>((resolve, reject) => {
      channel.on("close", (code: number | null | undefined, signal?: string) => {
        clearInterval(alive);
        if (code === 0) return resolve();
        const how =
          typeof code === "number"
            ? `ended with ${code}`
            : signal
              ? `ended by ${signal}`
              : "the connection ended first";
        reject(new Error(`${machine.name}: ${what}: ${how}: ${said.trim().slice(-500)}`));
      });
    });
    finished.catch(() => {}); // for who waits for it, later
    return { channel, finished };
  }

  openUnixSocket(machine: Machine, path: string): Promise<Duplex> {
    return this.#channel(machine, path, (client, done) => client.openssh_forwardOutStreamLocal(path, done));
  }

  openTcp(machine: Machine, host: string, port: number): Promise<Duplex> {
    return this.#channel(machine, `${host}:${port}`, (client, done) =>
      client.forwardOut("127.0.0.1", 0, host, port, done),
    );
  }

  /** Opens a channel, within a bound: a connection to a machine that was switched off takes requests and says nothing. */
  async #channel<C extends Duplex>(
    machine: Machine,
    what: string,
    open: (client: Client, done: (error: Error | undefined, channel: C) => void) => unknown,
  ): Promise<C> {
    const client = await this.connect(machine);
    return new Promise<C>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${machine.name}: ${what}: ${why}`));
      const ended = () => {
        clearTimeout(timer);
        fail("the connection ended first");
      };
      const timer = setTimeout(() => {
        this.#distrust(machine);
        fail("no answer over ssh within 30 s");
      }, 30_000);
      client.once("close", ended);
      try {
        open(client, (error, channel) => {
          clearTimeout(timer);
          client.removeListener("close", ended);
          if (error) fail(error.message);
          else resolve(channel);
        });
      } catch (error) {
        ended(); // ssh2 throws where a connection is not open any more
        this.#distrust(machine);
        fail((error as Error).message);
      }
    });
  }

  /** The next call makes a new connection; those under way may still end well on the old one. */
  #distrust(machine: Machine): void {
    this.#open.delete(machine.address);
  }

  /** Ends a connection that may be to a machine that is gone. */
  async drop(machine: Machine): Promise<void> {
    const known = this.#open.get(machine.address);
    this.#open.delete(machine.address);
    (await known?.catch(() => undefined))?.destroy();
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const open of all) (await open.catch(() => undefined))?.end();
  }
}
