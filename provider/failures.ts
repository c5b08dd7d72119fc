import type * as dynamic from "@pulumi/pulumi/dynamic";

/** What `check` answers: each property with a reason that it cannot be. */
export const failures = (problems: Readonly<Record<string, string | undefined>>): dynamic.CheckFailure[] =>
  Object.entries(problems).flatMap(([property, reason]) =>
    reason === undefined ? [] : [{ property, reason }],
  );

interface Checked {
  // biome-ignore lint/suspicious/noExplicitAny: each kind of resource has its own inputs
  check(olds: any, news: any): Promise<dynamic.CheckResult>;
}

/**
 * A provider for the engine, which prints the whole value of a property before what is wrong with it, all lines of a unit file too.
 * So it is told of no property; the reason names it, and as much of the value as helps.
 */
export const shownPlainly = <P extends Checked>(provider: P): P => ({
  ...provider,
  check: async (olds: unknown, news: unknown) => {
    const { failures: found = [], ...result } = await provider.check(olds, news);
    return {
      ...result,
      failures: found.map(({ property, reason }) => ({ property: "", reason: `${property}: ${reason}` })),
    };
  },
});
