import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input; the place for anything secret. */
  readonly input?: string;
  /** A file that both streams are appended to. */
  readonly log?: string;
  /** Called for each line of both streams. */
  readonly line?: (text: string) => void;
}

/**
 * Runs a command to its end and returns what it printed.
 * @throws Error naming the command, how it ended and its last lines.
 */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    if (options.log) mkdirSync(dirname(options.log), { recursive: true });
    const log = options.log ? createWriteStream(options.log, { flags: "a" }) : undefined;
    let stdout = "";
    let tail = "";
    const each = (text: string) => {
      tail = (tail + text).slice(-4000);
      log?.write(text);
      if (options.line) for (const line of text.split("\n")) if (line.trim()) options.line(line);
    };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      each(text);
    });
    child.stderr?.setEncoding("utf8").on("data", each);
    child.stdin?.on("error", () => {}); // a command that ends before it has read all says so by its exit code
    child.stdin?.end(options.input);
    child.once("error", (error) => reject(new Error(`${command}: ${error.message}`)));
    child.once("close", (code, signal) => {
      log?.end();
      if (code === 0) return resolve({ stdout });
      const where = options.log ? `; all of it is in ${options.log}` : "";
      reject(
        new Error(
          `${[command, ...args].join(" ")} ended with ${signal ?? code}${where}\n${tail.trimEnd().split("\n").slice(-15).join("\n")}`,
        ),
      );
    });
  });
}
