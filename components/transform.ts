import type * as pulumi from "@pulumi/pulumi";

/**
 * Changes a child resource's arguments or options before it is made: a function that edits them in place, or the
 * arguments to lay over.
 */
export type Transform<Args> =
  | Partial<Args>
  | ((args: Args, options: pulumi.CustomResourceOptions, name: string) => void);

/** Applies a user's transform, if there is one, and returns what the child's constructor takes. */
export function transformed<Args extends object>(
  transform: Transform<Args> | undefined,
  name: string,
  args: Args,
  options: pulumi.CustomResourceOptions,
): [string, Args, pulumi.CustomResourceOptions] {
  if (typeof transform !== "function") return [name, { ...args, ...transform }, options];
  const own = { ...args };
  const ownOptions = { ...options };
  transform(own, ownOptions, name);
  return [name, own, ownOptions];
}
