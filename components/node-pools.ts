import { poolNumbers } from "../nodes/pool-numbers";
import { Reader } from "../nodes/reader";
import type { Hypervisor } from "./hypervisors";
import { type MachineSize, readSize, sizeFields } from "./machine-size";
import type { Problem } from "./problem";

/** Machines of one size, on some of the hypervisors, that units may choose by their metadata. */
export interface NodePool extends MachineSize {
  /** As in `taiga:pools`, and in the machines' metadata as `pool`. A stack without pools has one without a name. */
  readonly name?: string;
  /** The machines' numbers, from which names and addresses follow. */
  readonly numbers: readonly number[];
  /** Hypervisors by name; the machines are placed on them in turn. */
  readonly hypervisors: readonly string[];
  /** What fleet knows of the machines beside `index`, `name` and `pool`: a unit asks for it with MachineMetadata=. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A machine's number, its pool and the hypervisor that has it. */
export interface Placement {
  readonly number: number;
  readonly pool: NodePool;
  readonly hypervisor: string;
}

/** fleet reads metadata as `key=value,key=value`. */
const metadataKey = /^[A-Za-z0-9._-]+$/;
const metadataValue = /^[^,=\s"\\%]+$/;
/** Set for every machine (nodes/node.yaml, components/cluster.ts). */
const ownMetadata = ["index", "name", "pool"];
const mostMembers = 5;

/**
 * Reads `taiga:pools`, a mapping of names to pools.
 * @param machines what a pool has that it does not say, and the number of machines of a stack without pools.
 */
export function readPools(
  given: unknown,
  machines: MachineSize & { readonly count: number },
  hypervisors: readonly Hypervisor[],
  problems: Problem[],
): readonly NodePool[] {
  const notes: { path: string; message: string }[] = [];
  const all = new Reader(given ?? {}, "taiga:pools", notes);
  if (typeof all.value !== "object" || Array.isArray(all.value))
    all.complain("a mapping of names to pools, such as { db: { count: 3, memory: 4096 } }");
  const names = all.keys();
  const known = hypervisors.map(({ name }) => name);
  const pools = names.map((name) => readPool(name, all.field(name), machines, known, notes));
  const counts = Object.fromEntries(names.map((name, index) => [name, pools[index]?.counts ?? {}]));
  const numbers = poolNumbers(counts).map(([, each]) => each);
  const owner = new Map<number, string>();
  for (const [index, name] of names.entries()) {
    const taken = numbers[index]?.find((number) => owner.has(number));
    if (taken !== undefined)
      notes.push({
        path: `taiga:pools.${name}.first`,
        message: `makes machine ${taken} a second time, beside pool ${owner.get(taken)}; write ${Math.max(...owner.keys()) + 1}`,
      });
    for (const number of numbers[index] ?? []) owner.set(number, name);
  }
  const total = numbers.reduce((sum, each) => sum + each.length, 0);
  if (total > mostMembers)
    notes.push({
      path: "taiga:pools",
      message: `have ${total} machines, each a member of etcd; write counts that make at most ${mostMembers} together`,
    });
  const gap = notes.length === 0 && firstGap(numbers.flat());
  if (gap)
    notes.push({
      path: `taiga:pools.${owner.get(gap.instead)}.first`,
      message: `makes machine ${gap.instead} and leaves out ${gap.missing}; write ${gap.missing}, or more machines in the pools before it: machines 1 to ${gap.members} keep database, broker and uploads`,
    });
  problems.push(...notes.map(({ path, message }) => ({ field: path, message })));
  if (pools.length === 0) {
    const every = Array.from({ length: machines.count }, (_, index) => index + 1);
    const { memory, vcpus, dataDisk } = machines;
    return [{ memory, vcpus, dataDisk, numbers: every, hypervisors: known, metadata: {} }];
  }
  return pools.map(({ counts: _, ...pool }, index) => ({ ...pool, numbers: numbers[index] ?? [] }));
}

/** The machines that keep what is to be kept are the first, at most three (components/taiga.ts), and their units want them by number. */
function firstGap(
  numbers: readonly number[],
): { readonly missing: number; readonly instead: number; readonly members: number } | undefined {
  const members = Math.min(3, numbers.length);
  const kept = [...numbers].sort((one, other) => one - other).slice(0, members);
  const at = kept.findIndex((number, index) => number !== index + 1);
  return at < 0 ? undefined : { missing: at + 1, instead: kept[at] as number, members };
}

type Counts = { readonly count?: number; readonly first?: number };

function readPool(
  name: string,
  pool: Reader,
  machines: MachineSize,
  known: readonly string[],
  notes: { path: string; message: string }[],
): Omit<NodePool, "numbers"> & { readonly counts: Counts } {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
    pool.complain("a name of lower-case letters, digits and hyphens before it, such as db");
  pool.only(["count", "first", "hypervisors", "metadata", ...sizeFields]);
  const fields =
    typeof pool.value === "object" && pool.value !== null ? (pool.value as Record<string, unknown>) : {};
  const hypervisors = pool.list("hypervisors", (entry) => entry.oneOf(known));
  if (pool.has("hypervisors") && hypervisors.length === 0)
    pool.field("hypervisors").complain(`a list with one of ${known.join(", ")} or more`);
  return {
    name,
    counts: {
      ...whole(pool, "count", mostMembers),
      ...whole(pool, "first", 200),
    },
    ...readSize(fields, machines, (field, value, remedy) =>
      notes.push({ path: `taiga:pools.${name}.${field}`, message: `${JSON.stringify(value)} ${remedy}` }),
    ),
    hypervisors: hypervisors.length > 0 ? hypervisors : known,
    metadata: readMetadata(pool),
  };
}

/** A number that is wrong counts as not given, so that the rest can still be looked at. */
function whole<K extends string>(pool: Reader, name: K, most: number): { [key in K]?: number } {
  const { [name]: value } = pool.optional(name, (each) => each.integer(1, most));
  const valid = Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
  return (valid ? { [name]: value } : {}) as { [key in K]?: number };
}

function readMetadata(pool: Reader): Record<string, string> {
  if (!pool.has("metadata")) return {};
  const metadata = pool.field("metadata");
  if (typeof metadata.value !== "object" || Array.isArray(metadata.value))
    metadata.complain("a mapping of words to words, such as { disk: ssd }");
  return Object.fromEntries(
    metadata.keys().map((key) => {
      const value = metadata.field(key);
      if (ownMetadata.includes(key)) value.complain(`another word: every machine has its ${key} already`);
      else if (!metadataKey.test(key)) value.complain("a key of letters, digits, dots and hyphens before it");
      const text = typeof value.value === "object" ? "" : String(value.value);
      if (!metadataValue.test(text))
        value.complain("a word without comma, equals sign, quote or blank, as fleet reads them");
      return [key, text];
    }),
  );
}

/** Where each machine is, by number. */
export function placements(pools: readonly NodePool[]): readonly Placement[] {
  return pools
    .flatMap((pool) =>
      pool.numbers.map((number, index) => ({
        number,
        pool,
        hypervisor: pool.hypervisors[index % pool.hypervisors.length] as string,
      })),
    )
    .sort((one, other) => one.number - other.number);
}
