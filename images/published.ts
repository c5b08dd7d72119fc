import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { cached } from "../deploy/cache";
import { run } from "../deploy/run";
import { type PublishedImage, publishedPath } from "./catalogue";

/** Who unpacks a file of this ending, in place, and the package that has it. */
const unpackers = {
  ".xz": { command: "unxz", package: "xz-utils" },
  ".bz2": { command: "bunzip2", package: "bzip2" },
} as const;

const endingOf = (source: string) =>
  Object.keys(unpackers).find((each) => source.endsWith(each)) as keyof typeof unpackers | undefined;

/** What the host needs to unpack an image, as deploy/host-packages.ts takes it. */
export function packagesFor({ source }: PublishedImage): Record<string, string> {
  const ending = endingOf(source);
  return ending ? { [unpackers[ending].package]: unpackers[ending].command } : {};
}

/**
 * Fetches a published image into the cache unless it is there.
 * @returns the path of the disk, qcow2.
 * @throws Error with the URL, when it does not answer or when what it gave has another checksum; the cache then has nothing.
 */
export async function fetchImage(image: PublishedImage, report: (line: string) => void): Promise<string> {
  const { name, version, source, checksum } = image;
  const { key, disk } = publishedPath(image);
  await cached("published", key, async (work) => {
    report(`fetching ${name} ${version} from ${source}`);
    const ending = endingOf(source);
    const file = join(work, `disk.qcow2${ending ?? ""}`);
    const [algorithm = "", expected] = checksum.split(":");
    const hash = createHash(algorithm);
    const hashing = new Transform({
      transform(chunk, _, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(await open(source), hashing, createWriteStream(file));
    const found = hash.digest("hex");
    if (found !== expected)
      throw new Error(
        `${source} has the ${algorithm} checksum ${found}, and taiga:machines.image expects ${expected}: it is not ${name} ${version}, or not whole. Run this again; if it stays, look up the checksum anew`,
      );
    if (ending) {
      report(`unpacking ${name} ${version}`);
      await run(unpackers[ending].command, [file]);
    }
  });
  return disk;
}

async function open(source: string): Promise<Readable> {
  if (source.startsWith("file:")) return createReadStream(fileURLToPath(source));
  const remedy =
    "taiga:machines.image.source may be another URL, or file:/// with what was fetched elsewhere";
  const answer = await fetch(source).catch((error: Error & { cause?: Error }) => {
    throw new Error(`${source} does not answer (${error.cause?.message ?? error.message}); ${remedy}`);
  });
  if (!answer.ok || !answer.body) throw new Error(`${source} answers ${answer.status}; ${remedy}`);
  return Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream);
}
