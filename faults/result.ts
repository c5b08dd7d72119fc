import type { MachineKind } from "../components/machine-settings";
import type { Attempt } from "../tests/support/ledger";

/** One line of faults/results.json. Times are seconds from the fault. */
export interface Result {
  readonly fault: string;
  readonly kind: MachineKind;
  /** 0 where no request failed or waited; null where none did well until the fault was put right. */
  readonly readsBackSeconds: number | null;
  readonly writesBackSeconds: number | null;
  readonly failedRequests: number;
  /** The longest time in which no request of some kind did well, until the fault was put right. Older lines have none. */
  readonly longestStallSeconds?: number;
  /** Writes of every kind that were acknowledged. */
  readonly acknowledged: number;
  /** Of these, what the cluster does not have when it is whole again. */
  readonly lost: number;
}

/** What one fault came to, with all that is drawn of it. Moments are milliseconds since the epoch. */
export interface Outcome {
  readonly result: Result;
  readonly target: string;
  readonly struck: number;
  readonly healed: number;
  readonly whole: number;
  readonly attempts: readonly Attempt[];
  /** The longest time without a tick of the scheduler's from the fault until all was whole, seconds. */
  readonly silence: number;
  /** Promises that were broken, in words; none is how it should be. */
  readonly broken: readonly string[];
}
