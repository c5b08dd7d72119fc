import { catalogue, type ImageChoice, type PublishedImage, publishers } from "../images/catalogue";
import { distributions } from "../nodes/distribution";
import { Reader } from "../nodes/reader";
import type { Problem } from "./problem";

/**
 * Reads `taiga:machines.image`: a name, or a mapping with another version, source and checksum.
 * @example "flatcar"
 * @example { name: "flatcar", version: "4230.2.4", checksum: "sha512:…" }
 */
export function readImage(given: unknown, problems: Problem[]): ImageChoice {
  const notes: { path: string; message: string }[] = [];
  const image = readChoice(new Reader(given ?? "debian", "taiga:machines.image", notes));
  problems.push(...notes.map(({ path, message }) => ({ field: path, message })));
  return image;
}

function readChoice(image: Reader): ImageChoice {
  if (typeof image.value !== "object" || Array.isArray(image.value)) {
    const name = image.oneOf(distributions);
    return pinnedOf(name) ?? { name: "debian" };
  }
  image.only(["name", "version", "source", "checksum"]);
  const name = image.field("name").oneOf(distributions);
  if (name === "debian") {
    for (const key of ["version", "source", "checksum"].filter((each) => image.has(each)))
      image.field(key).complain("nothing: debian is built here, by images/node.yaml");
  }
  const pinned = pinnedOf(name);
  if (!pinned) return { name: "debian" };
  const read = { ...pinned, ...readVersion(image), ...readSource(image) };
  const other = read.version !== pinned.version;
  if (other && !image.has("source")) read.source = publishers[pinned.name].source(read.version);
  if (other && !image.has("checksum")) {
    const where = publishers[pinned.name].checksums(read.version);
    image
      .field("checksum")
      .complain(`that of ${read.source}, such as "sha256:…"; its makers say it in ${where}`);
  }
  return { ...read, ...readChecksum(image) };
}

const pinnedOf = (name: string): PublishedImage | undefined =>
  Object.values(catalogue).find((each) => each.name === name);

const readVersion = (image: Reader) =>
  image.optional("version", (value) =>
    value.match(
      /^\d+(\.\d+){2,3}$/,
      'a version in quotes, such as "4593.2.4": stable or current is whatever is new',
    ),
  );

const readSource = (image: Reader) =>
  image.optional("source", (value) =>
    value.match(/^(https?:\/\/[^\s/]+|file:\/\/)\/\S+$/, "a URL of https:// or file:///"),
  );

const readChecksum = (image: Reader) =>
  image.optional("checksum", (value) =>
    value.match(
      /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/,
      '"sha256:" and 64 hexadecimal digits in lower case, or "sha512:" and 128',
    ),
  );
