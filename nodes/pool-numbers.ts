/** The part of a node pool that says how many machines it has, as in `taiga:pools`. */
export interface PoolCount {
  readonly count?: number;
  readonly first?: number;
}

/**
 * The numbers of each pool's machines. A pool begins where it says, else after the pool before: names and addresses follow
 * from a machine's number, so a pool that is to grow wants a `first` behind it that leaves room.
 * @example poolNumbers({ db: { count: 2 }, web: { count: 1, first: 11 } }) // [["db", [1, 2]], ["web", [11]]]
 */
export function poolNumbers(pools: Readonly<Record<string, PoolCount>>): (readonly [string, number[]])[] {
  let next = 1;
  return Object.entries(pools).map(([name, { count = 1, first = next }]) => {
    next = first + count;
    return [name, Array.from({ length: count }, (_, index) => first + index)] as const;
  });
}

/**
 * The numbers of all machines of a stack, ascending, from configuration that has been checked before.
 * @param machines `taiga:machines`, whose `count` holds where there are no pools.
 */
export function machineNumbers(
  machines: PoolCount | undefined,
  pools: Readonly<Record<string, PoolCount>> | undefined,
  otherwise: number,
): number[] {
  if (pools && Object.keys(pools).length > 0)
    return poolNumbers(pools)
      .flatMap(([, numbers]) => numbers)
      .sort((one, other) => one - other);
  return Array.from({ length: machines?.count ?? otherwise }, (_, index) => index + 1);
}
