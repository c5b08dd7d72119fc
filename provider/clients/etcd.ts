import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdPermissionDeniedError,
  GRPCInvalidArgumentError,
} from "etcd3";
import { type Credentials, mintCertificate } from "../credentials";
import { answerBytes } from "../etcd/limits";
import { type Answer, type HttpMethod, requestJson } from "./etcd-http";
import type { Machine, SshPool } from "./ssh";

/** Answers that stay the same however often one asks. */
const refusals = [
  GRPCInvalidArgumentError,
  EtcdPermissionDeniedError,
  EtcdAuthenticationFailedError,
  TypeError,
];

/** Somebody's rights changed while it was asked. */
const isOvertaken = (error: unknown): boolean => /revision of auth store is old/.test(String(error));

/** Its message names the machines. */
class NoneAnswers extends Error {}

const portOf = ({ etcdPort = 2379 }: Machine): number => etcdPort;

const list = (machines: readonly Machine[]): string =>
  machines.map((machine) => `${machine.name} (${machine.address}:${portOf(machine)})`).join(", ");

const lookAt = "look at `systemctl status etcd` there (npm run ssh -- MACHINE)";

/** etcd v3 clients over TLS, with a certificate minted in memory; through ssh where the network is not routable. */
export class EtcdClients {
  #all: Promise<Etcd3> | undefined;
  #certificate: ReturnType<typeof mintCertificate> | undefined;
  /** Local ports that end at a machine's etcd, by address. */
  readonly #forwards = new Map<string, Promise<{ url: string; close(): void }>>();

  constructor(
    private readonly machines: readonly Machine[],
    private readonly credentials: Credentials,
    private readonly ssh: SshPool,
    /** How long an operation is run again. */
    private readonly patienceSeconds = 60,
  ) {}

  /** One client over every machine that answers now; it goes on with another when one stops answering. */
  client(): Promise<Etcd3> {
    if (this.#all) return this.#all;
    const opening = this.#open(this.machines);
    this.#all = opening;
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  /**
   * Runs an operation that may be repeated, again for about a minute when its member stops, the leader changes or a
   * connection breaks in the middle of it.
   * @throws Error after that, with etcd's last word and which machines' members answer.
   */
  async run<T>(operation: (etcd: Etcd3) => PromiseLike<T>): Promise<T> {
    const until = Date.now() + this.patienceSeconds * 1000;
    for (;;) {
      const opened = this.client();
      try {
        return await operation(await opened);
      } catch (error) {
        if (refusals.some((refusal) => error instanceof refusal) && !isOvertaken(error)) throw error;
        if (Date.now() > until) throw await this.#inVain(error as Error);
        this.#forget(opened);
        await sleep(1_000);
      }
    }
  }

  async #inVain(last: Error): Promise<Error> {
    const tried = `etcd, tried for ${this.patienceSeconds} s: ${last.message}`;
    if (last instanceof NoneAnswers) return new Error(tried);
    const answers = await Promise.all(this.machines.map((machine) => this.#answers(machine)));
    const those = (whether: boolean) => this.machines.filter((_, index) => answers[index] === whether);
    const [there, silent] = [list(those(true)), list(those(false))];
    const seen = [...(there ? [`${there} answered`] : []), ...(silent ? [`${silent} did not answer`] : [])];
    return new Error(`${tried}; ${seen.join(", ")}; ${lookAt}`);
  }

  /** Whether a machine's member says within 10 s as much as its version, for which it needs no other. */
  #answers(machine: Machine): Promise<boolean> {
    const asked = async () => {
      const [host, certificate] = await Promise.all([this.#endpoint(machine), this.#own()]);
      if (!host) return false;
      const identity = { ca: this.credentials.caCertificate, ...certificate };
      await requestJson(new URL("/version", host), identity, { method: "GET" });
      return true;
    };
    return Promise.race([asked().catch(() => false), sleep(10_000, false, { ref: false })]);
  }

  /** The next caller gets a new client, over the machines that answer then; calls under way end with the old one. */
  #forget(opened: Promise<Etcd3>): void {
    if (this.#all !== opened) return; // another caller met the same trouble, and there is a new one already
    this.#all = undefined;
    opened.then(
      (client) => setTimeout(() => client.close(), 40_000).unref(),
      () => {},
    );
  }

  /** A client for one machine's member alone; the caller closes it. */
  member(machine: Machine): Promise<Etcd3> {
    return this.#open([machine]);
  }

  /** Asks the first machine that answers by etcd's HTTP API, of which v2 is a part. */
  async request(method: HttpMethod, path: string, body?: unknown): Promise<Answer> {
    const [[host], certificate] = await Promise.all([this.#answering(this.machines), this.#own()]);
    return requestJson(
      new URL(path, host),
      { ca: this.credentials.caCertificate, ...certificate },
      { method, body },
    );
  }

  /** The root of etcd's users, by whose name the certificate is. */
  #own(): ReturnType<typeof mintCertificate> {
    this.#certificate ??= mintCertificate(this.credentials, { commonName: "root", days: 2, end: "client" });
    return this.#certificate;
  }

  async #answering(machines: readonly Machine[]): Promise<string[]> {
    const hosts = await Promise.all(machines.map((machine) => this.#endpoint(machine)));
    const answering = hosts.filter((host) => host !== undefined);
    if (answering.length === 0) throw new NoneAnswers(`etcd: none of ${list(machines)} answers; ${lookAt}`);
    return answering;
  }

  async #open(machines: readonly Machine[]): Promise<Etcd3> {
    const [answering, { certificate, key }] = await Promise.all([this.#answering(machines), this.#own()]);
    return new Etcd3({
      hosts: answering,
      credentials: {
        rootCertificate: Buffer.from(this.credentials.caCertificate),
        certChain: Buffer.from(certificate),
        privateKey: Buffer.from(key),
      },
      dialTimeout: 10_000,
      // Every member's certificate names localhost; an address is no server name in TLS.
      grpcOptions: {
        "grpc.ssl_target_name_override": "localhost",
        "grpc.max_receive_message_length": answerBytes, // by itself grpc takes 4 MiB
      },
      defaultCallOptions: () => ({ deadline: Date.now() + 30_000 }),
    });
  }

  async #endpoint(machine: Machine): Promise<string | undefined> {
    const port = portOf(machine);
    const seen = await reach(machine.address, port);
    if (seen === "open") return `https://${machine.address}:${port}`;
    if (seen === "refused") return undefined;
    return this.#forward(machine, port).catch(() => undefined);
  }

  /** A local port that ends at the machine's etcd, through its ssh; made once. */
  async #forward(machine: Machine, port: number): Promise<string> {
    await this.ssh.connect(machine); // or there is nothing to forward to
    let made = this.#forwards.get(machine.address);
    if (!made) {
      made = listen((local) => {
        local.on("error", () => local.destroy());
        this.ssh.openTcp(machine, "127.0.0.1", port).then(
          (remote) => {
            remote.on("error", () => local.destroy()).on("close", () => local.destroy());
            local.on("close", () => remote.destroy());
            local.pipe(remote).pipe(local);
          },
          () => local.destroy(),
        );
      });
      this.#forwards.set(machine.address, made);
    }
    return (await made).url;
  }

  async close(): Promise<void> {
    const all = this.#all;
    this.#all = undefined;
    (await all?.catch(() => undefined))?.close();
    for (const forward of this.#forwards.values()) (await forward).close();
    this.#forwards.clear();
  }
}

async function listen(accept: (local: Socket) => void): Promise<{ url: string; close(): void }> {
  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, close: () => server.close() };
}

function reach(host: string, port: number): Promise<"open" | "refused" | "silent"> {
  return new Promise((resolve) => {
    const socket = dial({ host, port, timeout: 2_000 });
    const done = (seen: "open" | "refused" | "silent") => {
      socket.destroy();
      resolve(seen);
    };
    socket.once("connect", () => done("open"));
    socket.once("timeout", () => done("silent"));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      done(error.code === "ECONNREFUSED" ? "refused" : "silent"),
    );
  });
}
