import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dump } from "js-yaml";
import type { OpenStack } from "../../deploy/open-stack";
import { findTarget, targets } from "../../deploy/ssh";
import { SshPool } from "../../provider/clients/ssh";
import { parseCredentials } from "../../provider/credentials";

const root = resolve(__dirname, "../..");

type Config = OpenStack["config"];

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Both streams, in the order they came. */
  readonly output: string;
  readonly seconds: number;
}

export interface Running {
  readonly pid: number;
  readonly finished: Promise<Finished>;
  /** Resolves when the command has printed what is asked for. @throws Error when it ends without. */
  says(what: RegExp): Promise<void>;
}

/**
 * A stack of this project in a checkout of its own, so that a test may edit unit files and stack configuration,
 * with a file backend and a passphrase of its own. Everything in it runs as a user would run it.
 */
export class TestStack {
  #environment: Record<string, string> | undefined;
  #known: { readonly written: number; readonly config: Config } | undefined;

  constructor(
    readonly name: string,
    config: Record<string, unknown>,
    readonly directory = mkdtempSync(join(tmpdir(), `taiga-${name}-`)),
  ) {
    const packages = join(root, "node_modules");
    cpSync(root, this.directory, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => path !== packages && !/\/(\.state|\.git)$/.test(path),
    });
    // Ten thousand files that nobody edits: linked where the file system is the same.
    const copy = (how: string) => execFileSync("cp", [how, packages, this.directory], { stdio: "ignore" });
    try {
      copy("-al");
    } catch {
      copy("-a");
    }
    const file = join(this.directory, `Pulumi.${name}.yaml`);
    if (!existsSync(file)) writeFileSync(file, dump({ config }));
  }

  /** Writes a file of the checkout. */
  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.directory, path)), { recursive: true });
    writeFileSync(join(this.directory, path), text);
  }

  /** Starts a command in its own process group, so that a fault can be sent to it and all it started. */
  start(command: string, args: readonly string[], env: Record<string, string> = {}): Running {
    const begun = Date.now();
    const child = spawn(command, args, {
      cwd: this.directory,
      // The suite itself runs by way of deploy.sh, which must not take this for the suite once more.
      env: { ...process.env, ...this.#environment, TAIGA_ENTRY: undefined, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        if (process.env.E2E_VERBOSE) process.stderr.write(text);
      });
    }
    const finished = new Promise<Finished>((done, fail) => {
      child.once("error", fail);
      child.once("exit", (code, signal) => {
        // A grandchild may hold the pipes; what matters has been said by the time the command ends.
        setTimeout(() => done({ code, signal, output, seconds: (Date.now() - begun) / 1000 }), 100);
      });
    });
    const says = async (what: RegExp) => {
      let ended = false;
      finished.finally(() => {
        ended = true;
      });
      while (!what.test(output)) {
        if (ended) throw new Error(`${command} never said ${what}:\n${output.slice(-6000)}`);
        await sleep(50);
      }
    };
    return { pid: child.pid as number, finished, says };
  }

  async run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const result = await this.start(command, args, env).finished;
    if (result.code !== 0) {
      throw new Error(
        `${command} ${args.join(" ")} ended with ${result.code ?? result.signal}:\n${result.output.slice(-6000)}`,
      );
    }
    return result.output;
  }

  /** `./deploy.sh STACK`. */
  deploy(): Promise<string> {
    return this.run("./deploy.sh", [this.name]);
  }

  /** A plain `pulumi` command, in the environment `./deploy.sh --print-env` gives a shell. */
  async pulumi(...args: string[]): Promise<string> {
    await this.loadEnvironment();
    return this.run("pulumi", [...args, "--stack", this.name, "--non-interactive", "--color", "never"]);
  }

  async loadEnvironment(): Promise<void> {
    if (this.#environment) return;
    const lines = await this.run("bash", ["-c", `eval "$(./deploy.sh ${this.name} --print-env)" && env -0`]);
    this.#environment = Object.fromEntries(
      lines
        .split("\0")
        .filter((line) => /^(PATH|PULUMI_|LIBVIRT|TAIGA_)/.test(line))
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }

  async outputs(): Promise<Outputs> {
    return JSON.parse(await this.pulumi("stack", "output", "--json")) as Outputs;
  }

  /** etcdctl as the root of etcd's users. */
  etcdctl(machine: string, ...args: string[]): Promise<string> {
    return this.run("npm", ["run", "--silent", "etcdctl", "--", machine, ...args], {
      PULUMI_STACK: this.name,
    });
  }

  /**
   * Runs a command on a machine, as `npm run ssh` does, over a connection of its own. By that, each of hundreds of questions would start
   * npm, node and pulumi: a second of the processor that the machines run on. @throws Error when the command does not end well
   */
  async ssh(machine: string, command: string): Promise<string> {
    const config = await this.configuration();
    const pool = new SshPool(parseCredentials(config["taiga:credentials"]?.value ?? ""));
    try {
      const target = findTarget(targets(config, this.name), machine);
      const { code, stdout, stderr } = await pool.exec(target, command, { timeoutSeconds: 600 });
      if (code !== 0) throw new Error(`${machine}: ${command} ended with ${code}:\n${stdout}${stderr}`);
      return stdout + stderr;
    } finally {
      await pool.close();
    }
  }

  /** With secrets in the clear; asked for anew when the stack's file has changed. */
  async configuration(): Promise<Config> {
    const written = statSync(join(this.directory, `Pulumi.${this.name}.yaml`)).mtimeMs;
    if (this.#known?.written !== written) {
      const config = JSON.parse(await this.pulumi("config", "--json", "--show-secrets")) as Config;
      this.#known = { written, config };
    }
    return this.#known.config;
  }

  removeCheckout(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Outputs {
  readonly url: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly images: "taiga" | "rehearsal";
  readonly machines: readonly { name: string; address: string; hypervisor: string; image: string }[];
}
