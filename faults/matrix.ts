import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MachineKind } from "../components/machine-settings";
import { cacheDir } from "../deploy/cache";
import { TestStack } from "../tests/support/stack";
import { Cluster, prefixOf } from "./cluster";
import { giveDisk, releaseDisk } from "./container-disk";
import type { Fault } from "./fault";
import { lastWords } from "./last-words";
import { mend } from "./network";
import type { Outcome } from "./result";
import { trial } from "./trial";
import { untilRestored } from "./whole";

export interface MatrixOptions {
  readonly faults: readonly Fault[];
  readonly kind: MachineKind;
  readonly stack: string;
  readonly network: string;
  readonly containers: string;
  /** Each machine loses its power once: where it did as a leader, that is its outcome, too. */
  readonly brief?: boolean;
  /** Where the stack's checkout is made. Default: in the cache, where the next run finds it. */
  readonly directory?: string;
  /** One line of progress. */
  say(line: string): void;
  /** Called with what came of a fault as soon as that is known: those after it may take hours, or end the run. */
  done?(outcome: Outcome): void;
}

const count = 3;

/**
 * A cluster of its own, and each fault on it in turn. What an interrupted run has left of its own goes first.
 * @returns what came of each; fewer than the faults where the cluster did not become whole after one.
 */
export async function matrix(options: MatrixOptions): Promise<Outcome[]> {
  const { kind, say } = options;
  const prefix = prefixOf(options.stack);
  const directory = options.directory ?? join(cacheDir(), "faults", options.stack);
  const checkout = () =>
    new TestStack(
      options.stack,
      {
        "taiga:prefix": prefix,
        "taiga:machines": { count, kind },
        "taiga:protectData": false,
        "taiga:services": "all",
        "taiga:network": options.network,
        "taiga:containers": options.containers,
      },
      directory,
    );
  const disks =
    kind === "container"
      ? Array.from({ length: count }, (_, index) => `/var/lib/taiga/${prefix}/${prefix}-${index + 1}-data`)
      : [];
  const release = () => {
    mend(prefix);
    for (const disk of disks) releaseDisk(disk);
  };
  const end = async (stack: TestStack) => {
    release();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  };
  if (existsSync(directory)) {
    say("removing what an interrupted run has left");
    await end(checkout());
  }
  const stack = checkout();
  release(); // a run that had another checkout may have left some
  const outcomes: Outcome[] = [];
  let cluster: Cluster | undefined;
  let leftOver: Error | undefined;
  try {
    for (const disk of disks) giveDisk(disk);
    say(`${count} ${kind} machines: ./deploy.sh ${options.stack}`);
    await stack.deploy();
    cluster = await Cluster.of(stack);
    await untilRestored(cluster, 600, say);
    for (const fault of options.faults) {
      const same = options.brief && (await lostBefore(fault, cluster, options.faults, outcomes));
      if (same) say(`${fault.name}: was lost as that of "${same.result.fault}"`);
      const outcome = same
        ? { ...same, result: { ...same.result, fault: fault.name } }
        : await trial(cluster, fault, kind, say);
      outcomes.push(outcome);
      options.done?.(outcome);
    }
  } catch (error) {
    say(`given up: ${(error as Error).message}`);
    if (cluster) for (const words of await lastWords(cluster, (error as Error).message)) say(words);
    if (outcomes.length === 0) throw error;
  } finally {
    await cluster?.close();
    await end(stack).catch((error: Error) => {
      say(error.message);
      leftOver = error;
    });
  }
  if (leftOver) throw leftOver;
  return outcomes;
}

/** What came of it when the machine lost its power as a leader of something. */
async function lostBefore(
  fault: Fault,
  cluster: Cluster,
  all: readonly Fault[],
  outcomes: readonly Outcome[],
): Promise<Outcome | undefined> {
  if (fault.power !== "of a machine") return undefined;
  const { target } = await fault.aim(cluster);
  const leaders = all.filter(({ power }) => power === "of a leader").map(({ name }) => name);
  return outcomes.find((each) => each.target === target && leaders.includes(each.result.fault));
}
