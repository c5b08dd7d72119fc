import { setTimeout as sleep } from "node:timers/promises";
import type { MachineKind } from "../components/machine-settings";
import { type Attempt, Ledger } from "../tests/support/ledger";
import { events, reads, stories, uploads } from "../tests/support/ledger-kinds";
import { PrimaryWatch } from "../tests/support/primaries";
import type { Cluster } from "./cluster";
import type { Fault, Shot } from "./fault";
import { backAfter, longestStall } from "./outage";
import type { Outcome } from "./result";
import { longestSilence, outOfTurn, readTicks } from "./ticks";
import { untilRestored } from "./whole";

/** Seconds that differ with how fast machines are. */
interface Patience {
  /** What a client waits for an answer. */
  readonly answer: number;
  /** Until requests do well again, before the fault is put right all the same. */
  readonly recovery: number;
  readonly whole: number;
  /** Until writes are accepted, and the scheduler ticks, after a loss: the promise. */
  readonly promised: number;
}

const patience: Readonly<Record<MachineKind, Patience>> = {
  container: { answer: 5, recovery: 60, whole: 480, promised: 30 },
  kvm: { answer: 5, recovery: 90, whole: 300, promised: 30 },
  emulated: { answer: 20, recovery: 240, whole: 1200, promised: 30 },
};

/** Seconds of requests before a fault, which show what is usual. */
const before = 8;
/** Seconds in which every request does well are the end of an outage. */
const calm = 5;
const beats = "sudo cat /var/lib/data/beat/ticks.log 2>/dev/null || true";

/** Lets a fault strike a cluster under load, puts it right, waits until all is whole, and counts what was lost. */
export async function trial(
  cluster: Cluster,
  fault: Fault,
  kind: MachineKind,
  say: (line: string) => void,
): Promise<Outcome> {
  const limits = patience[kind];
  const { target, strike, heal } = await aimed(fault, cluster);
  const kinds = [stories, events, uploads, reads];
  const ledger = new Ledger(cluster.gateway, `${fault.name} ${Date.now()}`, {
    kinds,
    writers: 2,
    timeoutSeconds: limits.answer,
    keepAlive: "some",
  });
  const watch = new PrimaryWatch(cluster.ssh, cluster.machines);
  let ticks = "";
  let struck = 0;
  let healed = 0;
  let whole = 0;
  try {
    await sleep(before * 1000);
    ticks = [...(await cluster.onEach(beats)).values()].join("");
    say(`${fault.name}: ${target}`);
    struck = Date.now();
    try {
      await strike();
      await untilCalm(ledger, kinds.length, Date.now(), limits.recovery);
    } finally {
      healed = Date.now();
      await heal?.();
    }
    ledger.slowDown(5);
    whole = await untilRestored(cluster, limits.whole, (line) => say(`${fault.name}: ${line}`));
    await sleep(2_000);
  } finally {
    await Promise.all([ledger.stop(), watch.stop()]);
  }
  ticks += [...(await cluster.onEach(beats)).values()].join("");

  const { attempts } = ledger;
  const until = healed; // from then on it asks less often
  const back = (which: (attempt: Attempt) => boolean) => backAfter(attempts.filter(which), struck, until);
  const writes = kinds
    .filter(({ found }) => found)
    .map(({ name }) => back(({ what }) => what === name))
    .reduce((one, other) => (one === undefined || other === undefined ? undefined : Math.max(one, other)));
  const readsBack = back(({ what }) => what === reads.name);
  const stall = Math.max(
    ...kinds.map(({ name }) =>
      longestStall(attempts.filter(({ what, begun }) => what === name && begun < healed)),
    ),
  );
  const lost = await ledger.lost(cluster.gateway);
  const result = {
    fault: fault.name,
    kind,
    readsBackSeconds: rounded(readsBack),
    writesBackSeconds: rounded(writes),
    failedRequests: attempts.filter(({ succeeded }) => !succeeded).length,
    longestStallSeconds: Number(stall.toFixed(1)),
    acknowledged: ledger.acknowledged,
    lost: lost.length,
  };
  const read = readTicks(ticks).filter(({ at }) => at > struck - before * 1000);
  const silence = longestSilence(read, struck, whole);
  const broken = [
    ...lost.map((each) => `lost: ${each.what}, ${told(each, struck)}`),
    ...(watch.sightings.length > 0 ? [] : ["no database was ever seen that accepts writes"]),
    ...watch.conflicts().map((each) => `two databases accepted writes: ${each}`),
    ...outOfTurn(read).map((each) => `two schedulers: ${each}`),
    ...(await cluster.stack.pulumi("preview", "--refresh", "--expect-no-changes").then(
      () => [],
      (error: Error) => [`not as declared: ${error.message}`],
    )),
    ...(fault.spared ? [] : late(limits.promised, { writes, reads: readsBack, ticks: silence })),
  ];
  say(
    `${fault.name}: reads back after ${seconds(readsBack)}, writes after ${seconds(writes)}, ` +
      `longest stall ${stall.toFixed(1)} s, without a tick ${silence.toFixed(1)} s, ` +
      `whole ${seconds((whole - healed) / 1000)} after it was put right; ` +
      `${result.failedRequests} of ${attempts.length} failed, ${result.acknowledged} acknowledged, ${result.lost} lost`,
  );
  for (const each of broken.slice(0, 5)) say(`${fault.name}: ${each}`);
  if (broken.length > 5) say(`${fault.name}: and ${broken.length - 5} more`);
  if (broken.length > 0) say(`${fault.name}: ${lastFailed(attempts, struck)}`);
  return { result, target, struck, healed, whole, attempts, silence, broken };
}

/** One that leads may be in the middle of handing that over, or be slow to say. */
async function aimed(fault: Fault, cluster: Cluster): Promise<Shot> {
  for (const end = Date.now() + 30_000; ; await sleep(1_000)) {
    try {
      return await fault.aim(cluster);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** Until nothing has gone wrong for a while, and each kind of request has done well; or no longer than is bearable. */
async function untilCalm(ledger: Ledger, kinds: number, struck: number, limit: number): Promise<void> {
  while (Date.now() < struck + limit * 1000) {
    await sleep(500);
    const recent = ledger.attempts.filter(({ ended }) => ended > Math.max(struck, Date.now() - calm * 1000));
    const well = new Set(recent.filter(({ succeeded }) => succeeded).map(({ what }) => what));
    const calmed = recent.every(({ succeeded }) => succeeded) && well.size === kinds;
    if (calmed && Date.now() > struck + 2 * calm * 1000) return;
  }
}

/** What to look at first when something took too long. */
const lastFailed = (attempts: readonly Attempt[], struck: number): string => {
  const failed = attempts.filter(({ succeeded }) => !succeeded).slice(-6);
  const all = failed.map((each) => `${each.what} ${told(each, struck)}`);
  return `failed last: ${all.join(", ") || "nothing"}`;
};

/** When after the fault something was asked, and what came of it. */
const told = ({ begun, ended, answer }: Attempt, struck: number): string =>
  `at ${seconds((begun - struck) / 1000)} (${answer} after ${seconds((ended - begun) / 1000)})`;

const late = (promised: number, took: Readonly<Record<string, number | undefined>>): string[] =>
  Object.entries(took)
    .filter(([, each]) => each === undefined || each > promised)
    .map(([what, each]) => `${what}: ${seconds(each)}, and ${promised} s are promised`);

const seconds = (value: number | undefined): string =>
  value === undefined ? "never" : `${value.toFixed(1)} s`;
const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Number(value.toFixed(1));
