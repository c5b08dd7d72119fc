import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { extract, type Pack, pack } from "tar-stream";
import { BadFile } from "./sealed";

/**
 * What is in a backup, in this order: a tar of texts (NAME.json) and of streams (NAME/000001, NAME/000002, …), which are in
 * parts because a stream's length is not known when it begins. The last entry says how much there must be of each.
 */
export type Entry =
  | { readonly kind: "text"; readonly name: string; readonly value: unknown }
  | { readonly kind: "part"; readonly stream: string; readonly data: Buffer };

interface Extent {
  readonly bytes: number;
  readonly sha256: string;
}

const partSize = 4 * 2 ** 20;
const end = "end";

/** Writes a backup; what it writes is `output`. */
export class ArchiveWriter {
  readonly #pack: Pack = pack();
  readonly #extents: Record<string, Extent> = {};
  #fail: (error: Error) => void = () => {};
  readonly #failure = new Promise<never>((_, fail) => {
    this.#fail = fail;
  });

  /** What tar-stream gives is no stream of Node's own. */
  readonly output: Readable = Readable.from(this.#pack, { objectMode: false });

  constructor() {
    this.#failure.catch(() => {}); // also where nothing is being written
  }

  text(name: string, value: unknown): Promise<void> {
    return this.#entry(`${name}.json`, Buffer.from(JSON.stringify(value)));
  }

  /** Takes a stream in to its end. @returns how many bytes it had. */
  async stream(
    name: string,
    source: AsyncIterable<Buffer>,
    progress: (bytes: number) => void,
  ): Promise<number> {
    const hash = createHash("sha256");
    let held: Buffer[] = [];
    let size = 0;
    let bytes = 0;
    let number = 0;
    const flush = async () => {
      const part = Buffer.concat(held);
      held = [];
      size = 0;
      if (part.length === 0) return;
      number += 1;
      await this.#entry(`${name}/${String(number).padStart(6, "0")}`, part);
    };
    for await (const chunk of source) {
      hash.update(chunk);
      held.push(chunk);
      size += chunk.length;
      bytes += chunk.length;
      if (size >= partSize) await flush();
      progress(bytes);
    }
    await flush();
    this.#extents[name] = { bytes, sha256: hash.digest("hex") };
    return bytes;
  }

  async finish(): Promise<void> {
    await this.text(end, this.#extents);
    this.#pack.finalize();
  }

  /** Ends what is read, without an end that a reader would take for one. */
  fail(error: Error): void {
    this.#fail(error);
    this.#pack.destroy(error);
  }

  async #entry(name: string, content: Buffer): Promise<void> {
    const taken = new Promise<void>((done, fail) => {
      const entry = this.#pack.entry(
        { name, size: content.length, mode: 0o600, mtime: new Date(0) },
        (error) => (error ? fail(error) : done()),
      );
      entry.end(content);
    });
    await Promise.race([taken, this.#failure]);
  }
}

/**
 * The entries of a backup, one after another.
 * @throws BadFile where it is not whole: changed, cut off, or another kind of archive.
 */
export async function* readArchive(plain: Readable): AsyncGenerator<Entry> {
  const entries = extract();
  plain.once("error", (error) => entries.destroy(error));
  plain.pipe(entries as unknown as NodeJS.WritableStream);
  const seen = new Map<string, { bytes: number; hash: Hash }>();
  let expected: Record<string, Extent> | undefined;
  try {
    for await (const entry of entries) {
      const content: Buffer[] = [];
      for await (const chunk of entry) content.push(chunk as Buffer);
      const data = Buffer.concat(content);
      const [, stream] = /^([a-z-]+)\/\d{6}$/.exec(entry.header.name) ?? [];
      const [, name] = /^([a-z-]+)\.json$/.exec(entry.header.name) ?? [];
      if (stream) {
        const extent = seen.get(stream) ?? { bytes: 0, hash: createHash("sha256") };
        extent.bytes += data.length;
        extent.hash.update(data);
        seen.set(stream, extent);
        yield { kind: "part", stream, data };
      } else if (name === end) expected = JSON.parse(data.toString()) as Record<string, Extent>;
      else if (name) yield { kind: "text", name, value: JSON.parse(data.toString()) };
      else throw new BadFile(`has an entry ${JSON.stringify(entry.header.name)}, which no backup has`);
    }
  } catch (error) {
    if (error instanceof BadFile) throw error;
    throw new BadFile(`is damaged, or its end is missing: ${(error as Error).message}`);
  } finally {
    plain.destroy();
  }
  if (!expected) throw new BadFile("has no end: it was cut off while it was made");
  for (const [stream, { bytes, sha256 }] of Object.entries(expected)) {
    const found = seen.get(stream);
    if ((found?.bytes ?? 0) !== bytes || (found && found.hash.digest("hex") !== sha256))
      throw new BadFile(
        `has ${found?.bytes ?? 0} bytes of ${stream} that are not the ${bytes} it was made with`,
      );
  }
}

/** Writes to a stream that may be slower than its source. @throws the stream's error, also one that came before. */
export async function write(
  to: NodeJS.WritableStream & { readonly destroyed?: boolean },
  data: Buffer,
): Promise<void> {
  if (to.destroyed) throw new Error("what reads it has ended");
  if (!to.write(data)) await once(to, "drain");
}
