import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A step says what it is about to do and what came of it; nothing else prints while the steps run. */
export interface Progress {
  /** What the step is doing now: one line, repeated with the elapsed time while it lasts. */
  say(line: string): void;
  /** Where the full output of the step's commands goes, named in every line about it. */
  readonly log: string;
}

export interface Step {
  readonly name: string;
  /** Steps that must have ended well before this one starts. */
  readonly after?: readonly string[];
  /** Silent for this long, it is heard of again; default: as the report says. */
  readonly everySeconds?: number;
  /** Resolves to a line worth keeping (what was found or made). */
  run(progress: Progress): Promise<string | undefined>;
}

export interface Timing {
  readonly name: string;
  /** Seconds since the first step started. */
  readonly from: number;
  readonly seconds: number;
  readonly result: string;
}

export interface Reporting {
  readonly write: (line: string) => void;
  readonly logOf: (step: string) => string;
  /** A step silent for this long is heard of again. */
  readonly everySeconds?: number;
}

export class StepFailed extends Error {
  constructor(
    readonly step: string,
    readonly reason: unknown,
    readonly log: string,
  ) {
    super(`${step}: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
}

export const duration = (seconds: number): string =>
  seconds < 60
    ? `${Math.round(seconds)} s`
    : `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;

/**
 * Runs every step as soon as those it comes after have ended, so that independent steps run side by side.
 * When one fails nothing further starts, and those under way are let finish: what they build is cached.
 */
export async function runSteps(steps: readonly Step[], reporting: Reporting): Promise<Timing[]> {
  checkOrder(steps);
  const begun = Date.now();
  const now = () => (Date.now() - begun) / 1000;
  const width = Math.max(...steps.map((step) => step.name.length));
  const line = (name: string, text: string) =>
    reporting.write(`${duration(now()).padStart(11)}  ${name.padEnd(width)}  ${text}`);

  const timings: Timing[] = [];
  let failure: StepFailed | undefined;

  const perform = async (step: Step): Promise<void> => {
    const from = now();
    const log = reporting.logOf(step.name);
    let doing = "working";
    let since = from;
    let heard = Date.now();
    const said = new SaidLog(log);
    const note = (text: string) => {
      line(step.name, text);
      said.add(text);
    };
    const progress: Progress = {
      log,
      say: (text) => {
        doing = text;
        since = now();
        heard = Date.now();
        note(text);
      },
    };
    const every = step.everySeconds ?? reporting.everySeconds ?? 15;
    const heartbeat = setInterval(() => {
      if (Date.now() - heard < every * 1000) return;
      heard = Date.now();
      said.make();
      const all = since - from < 1 ? "" : `${duration(now() - from)} in all; `;
      line(step.name, `still at it: ${doing}, for ${duration(now() - since)} (${all}log: ${log})`);
    }, 1000);
    try {
      const result = (await step.run(progress)) ?? "";
      const seconds = now() - from;
      timings.push({ name: step.name, from, seconds, result });
      note(`${result || "done"}${seconds >= 1 ? ` (${duration(seconds)})` : ""}`);
    } catch (error) {
      failure ??= new StepFailed(step.name, error, log);
      said.make();
      note(`failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearInterval(heartbeat);
    }
  };

  const started = new Map<string, Promise<void>>();
  const start = (step: Step): Promise<void> => {
    const running = started.get(step.name);
    if (running) return running;
    const promise = Promise.all(
      (step.after ?? []).map((name) => start(steps.find((other) => other.name === name) as Step)),
    ).then(async () => {
      if (!failure) await perform(step);
    });
    started.set(step.name, promise);
    return promise;
  };
  await Promise.all(steps.map(start));
  if (failure) throw failure;
  return timings;
}

/** The log of a step whose commands write none has what was said: a log that is named must be there. */
class SaidLog {
  #said = "";
  #isOurs = false;

  constructor(private readonly path: string) {}

  add(line: string): void {
    if (this.#isOurs) this.#try(() => appendFileSync(this.path, `${line}\n`));
    else this.#said += `${line}\n`;
  }

  make(): void {
    if (existsSync(this.path)) return;
    this.#try(() => {
      mkdirSync(dirname(this.path), { recursive: true });
      writeFileSync(this.path, this.#said);
      this.#isOurs = true;
    });
  }

  /** A disk that is full is the step's own to find. */
  #try(write: () => void): void {
    try {
      write();
    } catch {
      this.#isOurs = false;
    }
  }
}

/** Refuses an order that could never start. */
function checkOrder(steps: readonly Step[]): void {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw new Error(`steps wait for each other: ${[...path, name].join(" → ")}`);
    const step = byName.get(name);
    if (!step) throw new Error(`step ${path.at(-1)} comes after ${name}, which does not exist`);
    for (const before of step.after ?? []) visit(before, [...path, name]);
  };
  for (const step of steps) visit(step.name, []);
}

/** The table printed at the end: when each step began and how long it took. */
export function timingTable(timings: readonly Timing[]): string {
  const rows = [...timings]
    .sort((a, b) => a.from - b.from)
    .map(
      ({ name, from, seconds, result }) =>
        `| ${name} | ${duration(from)} | ${duration(seconds)} | ${result} |`,
    );
  return ["| step | began after | took | |", "|---|--:|--:|---|", ...rows].join("\n");
}
