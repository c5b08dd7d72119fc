import { join } from "node:path";
import { cachePath, contentKey } from "../deploy/cache";
import type { Distribution } from "../nodes/distribution";

/** A disk image of a distribution as its makers publish it. */
export interface PublishedImage {
  readonly name: Exclude<Distribution, "debian">;
  readonly version: string;
  /** https://, http:// or file:///; the name's end says how it is packed: .xz, .bz2, or not at all. */
  readonly source: string;
  /** Of the file as it is published: `sha256:` or `sha512:` and hexadecimal digits. */
  readonly checksum: string;
}

/** What a machine boots: the image built here, or a published one. */
export type ImageChoice = { readonly name: "debian" } | PublishedImage;

const flatcarUrl = (version: string) =>
  `https://stable.release.flatcar-linux.net/amd64-usr/${version}/flatcar_production_qemu_image.img`;
const fcosUrl = (version: string) =>
  `https://builds.coreos.fedoraproject.org/prod/streams/stable/builds/${version}/x86_64/fedora-coreos-${version}-qemu.x86_64.qcow2.xz`;

/** Where a version is, and where its makers say its checksum. */
export const publishers: Readonly<
  Record<
    PublishedImage["name"],
    { source: (version: string) => string; checksums: (version: string) => string }
  >
> = {
  flatcar: { source: flatcarUrl, checksums: (version) => `${flatcarUrl(version)}.DIGESTS` },
  fcos: {
    source: fcosUrl,
    checksums: (version) =>
      `https://builds.coreos.fedoraproject.org/prod/streams/stable/builds/${version}/x86_64/meta.json`,
  },
};

/**
 * The versions a stack gets that names none. A new one replaces the machines, one at a time.
 * Flatcar's is a qcow2 image whatever its name says. The checksums are the makers' own, Fedora's from its stream's metadata and
 * Flatcar's from its DIGESTS, as others pin it; one that was wrong would refuse the image and let no other in.
 */
export const catalogue: Readonly<Record<PublishedImage["name"], PublishedImage>> = {
  flatcar: {
    name: "flatcar",
    version: "4593.2.4",
    source: flatcarUrl("4593.2.4"),
    checksum:
      "sha512:9cd59da624ad47c58686ea05ab216e0343fa1181219f493f27a81256c68170817f2f40759f9437fad80958f671e658cff9f84a67b2cb40fdc90931ce74651a21",
  },
  fcos: {
    name: "fcos",
    version: "44.20260817.3.2",
    source: fcosUrl("44.20260817.3.2"),
    checksum: "sha256:9b1e29c039de5eabeba610196fc53c77d5dfeba27f4261b26d5d4142706bb19f",
  },
};

/** The image's place in the cache, named by its checksum: the same bytes, wherever they were fetched from. */
export function publishedPath({ checksum }: PublishedImage): { key: string; dir: string; disk: string } {
  const key = contentKey({ values: checksum });
  const dir = cachePath("published", key);
  return { key, dir, disk: join(dir, "disk.qcow2") };
}
