import type { Etcd3 } from "etcd3";
import { mostBytes, mostKeys } from "./limits";

/** What a key should become. */
export interface Wish {
  readonly key: string;
  /** None: the key is to be deleted. */
  readonly value?: string;
  /** etcd's mod revision this stack last saw. None: the key is not ours yet, and should not be there. */
  readonly known?: string;
}

export interface SwapOptions<W extends Wish> {
  /** Takes over keys that are not ours yet. Default: false. */
  readonly adopt?: boolean;
  /** Hears what has become of each key as soon as etcd has said so: its revision, none when it is gone. */
  readonly done: (wish: W, revision: string | undefined) => void;
}

/** Runs an operation that may be repeated: `EtcdClients.run`. */
export type Run = <T>(operation: (etcd: Etcd3) => PromiseLike<T>) => Promise<T>;

/** A key as it was at the last look; before the first, only its revision is known. */
export interface Seen {
  readonly revision?: string;
  readonly value?: string;
  readonly looked: boolean;
}

/** Each further one means that somebody wrote between our look and our write. */
const attempts = 5;

/**
 * Compare-and-swap of many keys, in as few transactions as etcd's limits allow, each all or nothing. It finds its own work
 * done when it is repeated; a key that was deleted behind our back is written again, since nothing is lost by it.
 * @throws Error naming each key that somebody else has made or changed, with both revisions and never a value.
 */
export async function swap<W extends Wish>(
  run: Run,
  wishes: readonly W[],
  options: SwapOptions<W>,
): Promise<void> {
  for (const chunk of chunks(wishes)) await swapChunk(run, chunk, options);
}

async function swapChunk<W extends Wish>(
  run: Run,
  wishes: readonly W[],
  { adopt, done }: SwapOptions<W>,
): Promise<void> {
  let seen: Seen[] = wishes.map(({ known }) => ({ looked: false, ...(known && { revision: known }) }));
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const pairs = wishes.map((wish, index) => ({ wish, seen: seen[index] as Seen }));
    const open = pairs.filter((pair) => !isFulfilled(pair));
    const answer = open.length > 0 ? await run((etcd) => write(etcd, pairs, open)) : undefined;
    if (!answer || answer.succeeded) {
      for (const pair of pairs) {
        const written = pair.wish.value === undefined ? undefined : answer?.header.revision;
        done(pair.wish, open.includes(pair) ? written : pair.seen.revision);
      }
      return;
    }
    seen = answer.responses.map(({ response_range }) => seenIn(response_range?.kvs[0]));
    const conflicts = wishes
      .map((wish, index) => conflict(wish, seen[index] as Seen, adopt))
      .filter((text) => text !== undefined);
    if (conflicts.length > 0) throw new Error(conflicts.join("\n"));
  }
  const others = wishes.length > 1 ? ` and ${wishes.length - 1} keys beside it` : "";
  throw new Error(
    `${wishes[0]?.key}${others}: somebody else wrote each of the ${attempts} times this stack tried to; run the same command again`,
  );
}

interface Pair {
  readonly wish: Wish;
  readonly seen: Seen;
}

const isFulfilled = ({ wish, seen }: Pair): boolean => seen.looked && seen.value === wish.value;

/** Writes what is open if every key is as it was seen; otherwise tells how each is. */
function write(etcd: Etcd3, pairs: readonly Pair[], open: readonly Pair[]) {
  const transaction = pairs.reduce(
    (builder, { wish, seen }) =>
      seen.revision
        ? builder.and(wish.key, "Mod", "==", seen.revision)
        : builder.and(wish.key, "Version", "==", 0),
    etcd.if(pairs[0]?.wish.key as string, "Version", ">", -1), // begins the list; always so
  );
  return transaction
    .then(
      ...open.map(({ wish: { key, value } }) =>
        value === undefined ? etcd.delete().key(key) : etcd.put(key).value(value),
      ),
    )
    .else(...pairs.map(({ wish }) => etcd.get(wish.key)))
    .commit();
}

const seenIn = (kv: { value: Buffer; mod_revision: string } | undefined): Seen =>
  kv ? { looked: true, revision: kv.mod_revision, value: kv.value.toString() } : { looked: true };

function conflict({ key, value, known }: Wish, found: Seen, adopt?: boolean): string | undefined {
  if (!found.revision || found.value === value || found.revision === known) return undefined;
  if (known) {
    return (
      `${key} was changed by somebody else: it is at revision ${found.revision}, this stack knows ${known}; ` +
      "run `pulumi refresh` to take note of what it is now, then the same command again"
    );
  }
  if (adopt) return undefined;
  return (
    `${key} exists already, with another value, at revision ${found.revision}; ` +
    "set adopt: true to take it over, or delete it first"
  );
}

/** How keys are now, in as few transactions as they fit in. */
export async function look(run: Run, keys: readonly string[]): Promise<Map<string, Seen>> {
  const found = new Map<string, Seen>();
  for (let from = 0; from < keys.length; from += mostKeys) {
    const some = keys.slice(from, from + mostKeys);
    const { responses } = await run((etcd) =>
      etcd
        .if(some[0] as string, "Version", ">", -1)
        .then(...some.map((key) => etcd.get(key)))
        .commit(),
    );
    for (const [index, key] of some.entries())
      found.set(key, seenIn(responses[index]?.response_range?.kvs[0]));
  }
  return found;
}

function chunks<W extends Wish>(wishes: readonly W[]): W[][] {
  const all: W[][] = [];
  let bytes = 0;
  for (const wish of wishes) {
    const size = Buffer.byteLength(wish.key) * 3 + Buffer.byteLength(wish.value ?? "");
    const last = all.at(-1);
    // One comparison begins the list.
    if (last && last.length < mostKeys - 1 && bytes + size <= mostBytes) {
      last.push(wish);
      bytes += size;
    } else {
      all.push([wish]);
      bytes = size;
    }
  }
  return all;
}
