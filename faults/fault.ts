import type { Cluster } from "./cluster";

/** Something that goes wrong with a cluster that is whole. */
export interface Fault {
  readonly name: string;
  readonly says: string;
  /** Nobody promises how soon requests do well after it: all machines are gone at once, or it is a change that takes its time. */
  readonly spared?: boolean;
  /** It takes one machine's power away: the one that leads something, or one whatever it leads. */
  readonly power?: "of a leader" | "of a machine";
  /** Finds out whom it strikes. */
  aim(cluster: Cluster): Promise<Shot>;
}

export interface Shot {
  /** Who is struck, for people. */
  readonly target: string;
  strike(): Promise<unknown>;
  /** Puts right what the cluster cannot; left out where it must manage alone. */
  heal?(): Promise<unknown>;
}
