import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../deploy/environment";
import { TestEtcd } from "../tests/support/etcd";
import { type Benchmark, inTurn, type Options, type Result, ratio } from "./benchmark";
import { Program } from "./program";

const full = 1000;

/** What a benchmark of many keys has to itself: a real etcd, and a folder that ends with it. */
export interface Bench {
  readonly options: Options;
  readonly count: number;
  readonly folder: string;
  readonly etcd: TestEtcd;
}

/** @param host the last number of the address on which its etcd listens */
export const ofKeys = (
  { name, says }: Pick<Benchmark, "name" | "says">,
  host: number,
  measure: (bench: Bench) => Promise<Result[]>,
): Benchmark => ({
  name,
  says,
  run: async (options) => {
    const folder = mkdtempSync(join(tmpdir(), `taiga-bench-${name}-`));
    const etcd = await TestEtcd.start(host);
    try {
      return await measure({ options, count: Math.round(full * options.scale), folder, etcd });
    } finally {
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

/** What happens to many keys, in this order. */
export const phases = ["created", "unchanged", "changed", "destroyed"] as const;
export type Phase = (typeof phases)[number];

/** As long as an address of a database with its options; the revision and the key's number follow. */
export const value = "postgresql://taiga@10.77.0.11:5432/taiga?application_name=";

/** The text of a program of as many etcd.Key, as a user writes it. */
export const keyProgram = (
  count: number,
): string => `import { etcd } from ${JSON.stringify(join(root, "provider"))};
for (let i = 0; i < ${count}; i += 1)
  new etcd.Key("key-" + i, { key: "/bench/" + i, value: ${JSON.stringify(value)} + process.env.REVISION + "-" + i });
`;

/** A TypeScript program that has the etcd for its cluster. */
export async function programOn(etcd: TestEtcd, folder: string, text: string): Promise<Program> {
  const program = await Program.make(folder, { language: "typescript", text });
  await program.secret("taiga:credentials", etcd.config.get("taiga:credentials") as string);
  await program.config("taiga:endpoints", etcd.config.get("taiga:endpoints") as string);
  return program;
}

/** One phase of a program whose values follow REVISION. @returns the seconds it took. */
export function step(program: Program, phase: Phase): Promise<number> {
  if (phase === "destroyed") return program.destroy();
  const env = { REVISION: phase === "changed" ? "2" : "1" };
  return phase === "unchanged" ? program.unchanged(env) : program.up(env);
}

/** Seconds of each phase, a round after another. */
export type Took<Subject extends string> = Readonly<Record<Phase, Readonly<Record<Subject, number[]>>>>;

/**
 * Takes subjects through all phases, one beside the other.
 * @returns also what the state of `ours` has grown by, in bytes, when its keys are there.
 */
export async function throughPhases<Subject extends string>(
  options: Options,
  ours: Program,
  subjects: Readonly<Record<Subject, (phase: Phase) => Promise<number>>>,
): Promise<{ readonly took: Took<Subject>; readonly grown: number }> {
  const names = Object.keys(subjects) as Subject[];
  const each = <T>(make: (name: Subject) => T) =>
    Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Subject, T>;
  const took = Object.fromEntries(phases.map((phase) => [phase, each<number[]>(() => [])])) as Record<
    Phase,
    Record<Subject, number[]>
  >;
  let grown = 0;
  for (let round = 0; round < (options.rounds ?? 1); round += 1) {
    const empty = ours.stateBytes();
    for (const phase of phases) {
      const say = (line: string) => options.say(`${phase}, ${line}`);
      const seconds = await inTurn(
        1,
        say,
        each((name) => () => subjects[name](phase)),
      );
      if (phase === "unchanged") grown = ours.stateBytes() - empty;
      for (const name of names) took[phase][name].push(seconds[name][0] as number);
    }
  }
  return { took, grown };
}

/** Of each phase, the ratio of what `ours` took to what another did. */
export const compared = <Subject extends string>(
  what: string,
  took: Took<Subject | "ours">,
  peer: Subject,
  against: string,
): Result[] =>
  phases.map((phase) => ({
    name: `${what} ${phase}`,
    value: ratio(took[phase].ours, took[phase][peer]),
    unit: "ratio",
    against,
  }));
