import { readdirSync, readFileSync } from "node:fs";
import { mark, type Program } from "./program";

/** Watches the process of a program's dynamic provider while it lives. */
export class ProviderMemory {
  #pid: string | undefined;
  #peak = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly program: Program) {
    this.#timer = setInterval(() => this.#look(), 250);
  }

  /** Ends the watch. @returns the most that was resident, MiB. */
  end(): number {
    clearInterval(this.#timer);
    return this.#peak / 1024;
  }

  #look(): void {
    this.#pid ??= readdirSync("/proc").find((name) => /^\d+$/.test(name) && this.#isProvider(name));
    if (!this.#pid) return;
    try {
      // The kernel keeps the high-water mark, so that looking seldom misses little (proc_pid_status(5)).
      const status = readFileSync(`/proc/${this.#pid}/status`, "utf8");
      this.#peak = Math.max(this.#peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0));
    } catch {
      this.#pid = undefined; // it has ended
    }
  }

  #isProvider(pid: string): boolean {
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("cmd/dynamic-provider") &&
        readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${mark}=${this.program.folder}`)
      );
    } catch {
      return false;
    }
  }
}
