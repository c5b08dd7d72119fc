/** One line of a scheduler's own log: when, on which machine, and in which turn of holding the scheduler's key. */
export interface Tick {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly machine: string;
  readonly turn: number;
}

/** Reads what the machines' logs say, oldest first. A line cut short by a loss of power is none. */
export const readTicks = (logs: string): Tick[] =>
  logs
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields.length === 3 && /^\d+$/.test(fields[2] as string))
    .map(([at, machine, turn]) => ({
      at: Date.parse(at as string),
      machine: machine as string,
      turn: Number(turn),
    }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((one, other) => one.at - other.at);

/** Ticks of a turn that was over, as another had begun: two schedulers at work. */
export function outOfTurn(ticks: readonly Tick[]): string[] {
  return ticks
    .slice(1)
    .filter(({ turn }, index) => turn < (ticks[index] as Tick).turn)
    .map(({ at, machine }) => `${machine} at ${new Date(at).toISOString()}`);
}

/** The longest time from one tick to the next between two moments, seconds. */
export function longestSilence(ticks: readonly Tick[], from: number, to: number): number {
  const within = ticks.map(({ at }) => at).filter((at) => at >= from && at <= to);
  const marks = [from, ...within, to];
  return Math.max(...marks.slice(1).map((mark, index) => mark - (marks[index] as number))) / 1000;
}
