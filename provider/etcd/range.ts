import { mostKeys } from "./limits";
import type { Run } from "./swap";

/** A key as etcd has it. */
export interface FoundKey {
  readonly key: Buffer;
  readonly value: Buffer;
  /** "0" for a key that stays until it is deleted. */
  readonly lease: string;
}

/**
 * Every key that begins with these bytes, "" for all there are, in their order and as they were at one moment. They come in
 * as many answers as they need: one has 128 keys at most.
 */
export async function readRange(run: Run, beginning: string): Promise<FoundKey[]> {
  const found: FoundKey[] = [];
  const end = after(Buffer.from(beginning));
  let from = beginning === "" ? zero : Buffer.from(beginning);
  let revision: string | undefined;
  for (;;) {
    const page = { key: from, range_end: end, limit: mostKeys, ...(revision && { revision }) };
    const { kvs, more, header } = await run((etcd) => etcd.kv.range(page));
    revision ??= header.revision;
    found.push(...kvs.map(({ key, value, lease }) => ({ key, value, lease })));
    const last = kvs.at(-1)?.key;
    if (!more || !last) return found;
    from = Buffer.concat([last, zero]);
  }
}

const zero = Buffer.from([0]);

/** The end of the range of all keys that begin with these bytes; a zero byte stands for the end of all. */
function after(beginning: Buffer): Buffer {
  for (let at = beginning.length - 1; at >= 0; at -= 1) {
    const byte = beginning[at] as number;
    if (byte < 0xff) return Buffer.concat([beginning.subarray(0, at), Buffer.from([byte + 1])]);
  }
  return zero;
}
