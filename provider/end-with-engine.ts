import { readFileSync } from "node:fs";

/** Milliseconds between two looks; a look reads one line of /proc. */
const every = 2_000;

/**
 * Ends this process soon after its engine is gone. The engine starts a dynamic provider by a shell script, and when it is
 * killed neither is told: a provider that waits for a machine or holds a lock would go on doing so, beside the next update.
 * Does nothing outside the engine's dynamic provider, as in a test that calls a provider's functions.
 */
export function endWithEngine(parents: () => string = ancestors, end: () => void = exit): void {
  const started = parents();
  const timer = setInterval(() => {
    if (parents() !== started) end();
  }, every);
  timer.unref();
}

const exit = (): void => {
  process.exit(1);
};

/** This process's parent and its parent, which is the engine: orphans get another, of either. */
function ancestors(): string {
  return `${process.ppid} ${parentOf(process.ppid)}`;
}

function parentOf(pid: number): string {
  try {
    return /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "none";
  } catch {
    return "none";
  }
}

if (/[/\\]cmd[/\\]dynamic-provider[/\\]/.test(require.main?.filename ?? "")) endWithEngine();
