import type * as dynamic from "@pulumi/pulumi/dynamic";

/** What `check` answers: each property with a reason that it cannot be. */
export const failures = (problems: Readonly<Record<string, string | undefined>>): dynamic.CheckFailure[] =>
  Object.entries(problems).flatMap(([property, reason]) =>
    reason === undefined ? [] : [{ property, reason }],
  );
