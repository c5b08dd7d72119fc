import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ImageService } from "../../components/taiga-images";
import { cachePath } from "../../deploy/cache";
import { containersKey } from "../../images/artifacts";
import { copyOf, findImage } from "../../images/copied";
import { parseReference } from "../../images/reference";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A folder with OCI layouts of the rehearsal's images, one a service, as a user may have brought them from elsewhere. */
export class ImageFolder {
  readonly #made: string[] = [];
  readonly path = mkdtempSync(join(tmpdir(), "taiga-e2e-images-"));

  reference(service: ImageService, version: string): string {
    return `oci:${join(this.path, service)}:${version}`;
  }

  /** What docker-archive: calls the image. */
  static archived(service: ImageService): string {
    const archive = join(cachePath("containers", containersKey()), "rehearsal.tar");
    return `docker-archive:${archive}:taiga/${service}:rehearsal`;
  }

  copy(service: ImageService, version: string): string {
    const to = this.reference(service, version);
    execFileSync("skopeo", ["--insecure-policy", "copy", "-q", ImageFolder.archived(service), to]);
    this.#made.push(to);
    return to;
  }

  /** Another version of an image that is here: one more layer, with files that take the place of the old ones. */
  addVersion(
    service: ImageService,
    { from, to, files }: { from: string; to: string; files: Record<string, string> },
  ) {
    const layout = join(this.path, service);
    const indexFile = join(layout, "index.json");
    const index = JSON.parse(readFileSync(indexFile, "utf8")) as { manifests: Descriptor[] };
    const blob = ({ digest }: { digest: string }) => join(layout, "blobs/sha256", digest.slice(7));
    const read = <T>(descriptor: { digest: string }) =>
      JSON.parse(readFileSync(blob(descriptor), "utf8")) as T;
    const write = (mediaType: string, content: Buffer): Descriptor => {
      const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
      writeFileSync(blob({ digest }), content);
      return { mediaType, digest, size: content.length };
    };
    const name = "org.opencontainers.image.ref.name";
    const before = index.manifests.find(({ annotations }) => annotations?.[name] === from) as Descriptor;
    const manifest = read<{ config: Descriptor; layers: Descriptor[] }>(before);
    const config = read<{ rootfs: { diff_ids: string[] }; history: object[] }>(manifest.config);
    const layer = write("application/vnd.oci.image.layer.v1.tar", layerOf(files));
    config.rootfs.diff_ids.push(layer.digest);
    config.history.push({ created: "2024-01-02T00:00:00Z", created_by: "taiga" });
    manifest.layers.push(layer);
    manifest.config = write(manifest.config.mediaType, Buffer.from(JSON.stringify(config)));
    const after = write(before.mediaType, Buffer.from(JSON.stringify(manifest)));
    index.manifests.push({ ...after, annotations: { [name]: to } });
    writeFileSync(indexFile, JSON.stringify(index));
    const made = this.reference(service, to);
    this.#made.push(made);
    return made;
  }

  /** With what a deploy has copied of them into the cache. */
  remove(): void {
    for (const each of this.#made)
      rmSync(copyOf(findImage(parseReference(each)).id), { recursive: true, force: true });
    rmSync(this.path, { recursive: true, force: true });
  }
}

function layerOf(files: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "taiga-e2e-layer-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const paths = Object.keys(files).map((path) => path.replace(/^\//, ""));
    return execFileSync("tar", [
      "-c",
      "--owner=0",
      "--group=0",
      "--mtime=2024-01-02",
      "-C",
      folder,
      ...paths,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
