import assert from "node:assert/strict";
import { longestStall } from "../../faults/outage";
import { type Attempt, type Gateway, Ledger } from "./ledger";
import { events, type Kind, mediaReads, pages, reads, stories, uploads, websockets } from "./ledger-kinds";

/** Requests of one kind that are a load. */
const fewest = 10;

/**
 * All that a user asks of Taiga, through the entry address, on kept and on new connections, while something happens.
 * @param more asked beside it
 * @throws AssertionError when a request failed, a kind was hardly asked, or what was acknowledged is missing after
 */
export async function underLoad(
  gateway: Gateway,
  action: () => Promise<unknown>,
  more: readonly Kind[] = [],
): Promise<void> {
  const kinds = [stories, events, uploads, reads, mediaReads(), pages, websockets, ...more];
  const ledger = new Ledger(gateway, `under load ${Date.now()}`, {
    kinds,
    writers: 2,
    timeoutSeconds: 60,
    keepAlive: "some",
  });
  const names = kinds.map(({ name }) => name);
  try {
    await action();
  } finally {
    await ledger.stop();
    console.log(countsOf(names, ledger.attempts));
  }
  assert.deepEqual(shortcomingsOf(names, ledger.attempts), []);
  assert.deepEqual(await ledger.lost(gateway), [], "acknowledged, and not there");
}

/** What came of each kind, a line each. */
export const countsOf = (names: readonly string[], attempts: readonly Attempt[]): string =>
  names
    .map((name) => {
      const own = attempts.filter(({ what }) => what === name);
      const failed = own.filter(({ succeeded }) => !succeeded).length;
      return `${name}: ${own.length} requests, ${failed} failed, longest stall ${longestStall(own).toFixed(1)} s`;
    })
    .join("\n");

/** Requests that failed, and kinds that were asked too seldom to tell anything. */
export const shortcomingsOf = (names: readonly string[], attempts: readonly Attempt[]): string[] => [
  ...names.flatMap((name) => {
    const asked = attempts.filter(({ what }) => what === name).length;
    return asked < fewest ? [`${name}: ${asked} requests are no load`] : [];
  }),
  ...attempts
    .filter(({ succeeded }) => !succeeded)
    .map(({ what, begun, ended, answer, says }) => {
      const took = ((ended - begun) / 1000).toFixed(1);
      return `${what}: ${answer} ${says} after ${took} s, asked at ${new Date(begun).toISOString()}`;
    }),
];
