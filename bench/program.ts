import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureEngine } from "../deploy/engine";
import { findBackend, pulumiEnvironment, pulumiHome, root } from "../deploy/environment";
import type { Stored } from "./state";

/** Every process that a program's commands start has this name and the program's folder in its environment. */
export const mark = "TAIGA_BENCH_PROGRAM";

export interface ProgramFiles {
  /** Runs as it stands in JavaScript, as this project's own does in TypeScript. */
  readonly language: "javascript" | "typescript";
  readonly text: string;
}

/** A Pulumi program in a folder of its own: one stack, `bench`, in a file backend beside it. */
export class Program {
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(
    readonly folder: string,
    environment: Readonly<Record<string, string>>,
  ) {
    const { PULUMI_CONFIG_PASSPHRASE_FILE: _, TAIGA_ENTRY: __, ...own } = process.env;
    this.#environment = {
      ...own,
      ...environment,
      PULUMI_BACKEND_URL: `file://${folder}`,
      PULUMI_CONFIG_PASSPHRASE: "bench",
      [mark]: folder,
    };
  }

  static async make(folder: string, { language, text }: ProgramFiles): Promise<Program> {
    const { bin } = await ensureEngine({ say: () => {}, log: "/dev/null" });
    const program = new Program(folder, pulumiEnvironment(bin, findBackend(process.env, pulumiHome())));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const files = {
      "Pulumi.yaml":
        "name: bench\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: index.cjs\n",
      "package.json": '{ "name": "bench", "main": "index.cjs" }\n',
      ...(language === "typescript"
        ? { "index.ts": text, "index.cjs": readFileSync(join(root, "index.cjs"), "utf8") }
        : { "index.cjs": text }),
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    await program.pulumi(["stack", "init", "bench"]);
    return program;
  }

  /** Runs a command of pulumi's on the stack. @returns the seconds it took. */
  async pulumi(
    args: readonly string[],
    { input, env }: { input?: string; env?: Record<string, string> } = {},
  ) {
    const begun = performance.now();
    const child = spawn("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: this.folder,
      env: { ...this.#environment, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.end(input);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    const code = await new Promise<number | null>((done, fail) => {
      child.once("error", fail).once("close", done);
    });
    const seconds = (performance.now() - begun) / 1000;
    if (code !== 0)
      throw new Error(`${this.folder}: pulumi ${args.join(" ")} ended with ${code}\n${output.slice(-4000)}`);
    return seconds;
  }

  up = (env: Record<string, string> = {}): Promise<number> =>
    this.pulumi(["up", "--yes", "--skip-preview"], { env });
  unchanged = (env: Record<string, string> = {}): Promise<number> =>
    this.pulumi(["up", "--yes", "--skip-preview", "--expect-no-changes"], { env });
  preview = (): Promise<number> => this.pulumi(["preview", "--expect-no-changes"]);
  destroy = (): Promise<number> => this.pulumi(["destroy", "--yes", "--skip-preview"]);

  /** By standard input: an argument would show in the process list. */
  async secret(name: string, value: string): Promise<void> {
    await this.pulumi(["config", "set", "--secret", name], { input: value });
  }
  async config(name: string, value: string): Promise<void> {
    await this.pulumi(["config", "set", name, value]);
  }

  /** The size of the state as the file backend keeps it, which it writes anew at each step. */
  stateBytes(): number {
    return statSync(this.#state).size;
  }

  /** What the state has now, the engine's own resources among them. */
  resources<T extends Stored>(): T[] {
    const state = JSON.parse(readFileSync(this.#state, "utf8")) as {
      checkpoint: { latest: { resources?: T[] } };
    };
    return state.checkpoint.latest.resources ?? [];
  }

  get #state(): string {
    return join(this.folder, ".pulumi/stacks/bench/bench.json");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
