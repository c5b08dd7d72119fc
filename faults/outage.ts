import type { Attempt } from "../tests/support/ledger";

/** Seconds that are no outage, whatever was usual before. */
const unremarkable = 1;

/**
 * How long requests went wrong after a fault: the time until the end of the last stretch, between two answers as wanted, in
 * which a request failed or no answer came for longer than was usual before.
 * @param struck when the fault began; what was asked before shows what is usual. Milliseconds since the epoch, as all here.
 * @param until what was asked after is another matter: the fault was being put right. What was asked before and answered
 * after counts: a slow answer is none that never came.
 * @returns seconds; 0 when nothing went wrong, undefined when it was wrong to the end.
 */
export function backAfter(attempts: readonly Attempt[], struck: number, until: number): number | undefined {
  const ends = successes(attempts.filter(({ begun }) => begun <= until));
  const usual = Math.max(unremarkable * 1000, 1.5 * longestGap(ends.filter((end) => end < struck)));
  // One that was under way when the fault began failed by it.
  const failures = attempts
    .filter(({ succeeded, begun, ended }) => !succeeded && ended > struck && begun <= until)
    .map(({ begun }) => Math.max(begun, struck));
  const marks = [struck, ...ends.filter((end) => end > struck)];
  const answered = (marks.at(-1) as number) >= until;
  if (!answered) marks.push(until);
  let back = 0;
  for (let index = 1; index < marks.length; index += 1) {
    const [from, to] = [marks[index - 1] as number, marks[index] as number];
    const failed = failures.some((begun) => begun >= from && begun < to);
    if (!failed && to - from <= usual) continue;
    if (index === marks.length - 1 && !answered) return undefined;
    back = (to - struck) / 1000;
  }
  return back;
}

/** The longest time without an answer as wanted, seconds. */
export const longestStall = (attempts: readonly Attempt[]): number => longestGap(successes(attempts)) / 1000;

const successes = (attempts: readonly Attempt[]): number[] =>
  attempts
    .filter(({ succeeded }) => succeeded)
    .map(({ ended }) => ended)
    .sort((one, other) => one - other);

const longestGap = (moments: readonly number[]): number =>
  Math.max(0, ...moments.slice(1).map((moment, index) => moment - (moments[index] as number)));
