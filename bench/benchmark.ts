import type { MachineKind } from "../components/machine-settings";

/** One line of bench/results.json. A ratio is between things measured in turn, in the same run. */
export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: "ratio" | "seconds" | "bytes" | "MiB";
  /** It is met by a value that is not larger. */
  readonly goal?: number;
  /** What it was measured against. */
  readonly against?: string;
}

export interface Options {
  /** Measurements that count; the median of their ratios is the result. */
  readonly rounds?: number;
  /** What machines are. */
  readonly kind: MachineKind;
  /** A part of the full number of resources, to try a benchmark out; 1 for results. */
  readonly scale: number;
  readonly stack: string;
  readonly network: string;
  readonly containers: string;
  /** One line of progress. */
  say(line: string): void;
}

export interface Benchmark {
  readonly name: string;
  readonly says: string;
  run(options: Options): Promise<Result[]>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

/** The median of the ratios of each round: what slows the whole host down for a while slows both. */
export const ratio = (ours: readonly number[], peers: readonly number[]): number =>
  median(ours.map((value, round) => value / (peers[round] as number)));

/**
 * Measures the subjects in turn, each round beginning with another one. A subject takes its own time, in seconds.
 * @returns the seconds of each, by round.
 */
export async function inTurn<Name extends string>(
  rounds: number,
  say: (line: string) => void,
  subjects: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(subjects) as Name[];
  const seconds = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length] as Name;
      const took = await subjects[name]();
      seconds[name].push(took);
      say(`round ${round + 1} of ${rounds}: ${name} ${took.toFixed(2)} s`);
    }
  }
  return seconds;
}
