/**
 * What happens, in order, when a cluster has other machines than before; undefined when it has not.
 * @param before names of the machines there were.
 * @param after names of the machines there are to be.
 */
export function changeOfShape(before: readonly string[], after: readonly string[]): string | undefined {
  const come = after.filter((name) => !before.includes(name));
  const go = before.filter((name) => !after.includes(name));
  const grows =
    come.length > 0 &&
    `${before.length} machines become more: ${come.join(", ")} start side by side and join etcd one at a time, ` +
      "each without a vote until it has all the data";
  const shrinks =
    go.length > 0 &&
    `warning: ${after.length} of ${before.length} machines stay: ${go.join(", ")} leave at the end of the update, one at a time. ` +
      "For each: all that stay are whole, fleet moves its units, etcd lets its member go, then the machine is deleted and its data " +
      "volume with it";
  return [grows, shrinks].filter(Boolean).join("\n") || undefined;
}
