import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cached, cachePath } from "../deploy/cache";
import { run } from "../deploy/run";
import { writeWhole } from "../deploy/whole-file";
import { rehearsalLabel } from "./containers";
import { BadReference, type ImageReference } from "./reference";

/** An image that was found under a reference. */
export interface FoundImage {
  /** Digest of the image's configuration, which names its layers: Docker's image id, whatever carried or packed it. Hexadecimal. */
  readonly id: string;
  readonly isRehearsal: boolean;
}

/** skopeo may have to ask a registry at the other end of the world. */
const patienceSeconds = 60;
/** Everything is accepted, as by the policy that skopeo's packages come with: what it is, its id says. */
const policy = "--insecure-policy";

/**
 * Looks an image up, at preview. One of a registry is asked for once; it has a version, and stays what it is.
 * @throws BadReference when it is not there.
 */
export function findImage(reference: ImageReference): FoundImage {
  const { text, transport, path } = reference;
  if (path !== undefined && !existsSync(path))
    throw new BadReference(`is not on this host; write the path of what \`skopeo copy … ${text}\` has made`);
  const note = cachePath("image-ids", createHash("sha256").update(text).digest("hex").slice(0, 12));
  if (transport === "docker" && existsSync(note)) return JSON.parse(readFileSync(note, "utf8")) as FoundImage;
  const { status, stdout, stderr, error } = spawnSync(
    "skopeo",
    [policy, "--override-os", "linux", "inspect", "--config", "--raw", text],
    { timeout: patienceSeconds * 1000, maxBuffer: 16 * 2 ** 20 },
  );
  if (error && (error as NodeJS.ErrnoException).code === "ENOENT")
    throw new BadReference("takes skopeo, which this host lacks; run ./deploy.sh, which installs it");
  if (status !== 0) {
    const why = error
      ? `no answer within ${patienceSeconds} s`
      : (/msg="?(.*?)"?\s*$/.exec(stderr.toString())?.[1] ?? "");
    throw new BadReference(`cannot be read (skopeo: ${why}); write a reference that \`skopeo inspect\` can`);
  }
  const { config } = JSON.parse(stdout.toString()) as { config?: { Labels?: Record<string, string> | null } };
  const found: FoundImage = {
    id: createHash("sha256").update(stdout).digest("hex"),
    isRehearsal: config?.Labels?.[rehearsalLabel] !== undefined,
  };
  if (transport === "docker") {
    mkdirSync(dirname(note), { recursive: true });
    writeWhole(note, JSON.stringify(found));
  }
  return found;
}

/** Where the cache has an image, or will have it. */
export const copyOf = (id: string): string => cachePath("images", id.slice(0, 32));

/** Copies an image into the cache, once, as it is: another format would be another image. @returns skopeo's reference of the copy. */
export async function copiedImage(source: string, id: string): Promise<string> {
  const folder = await cached("images", id.slice(0, 32), async (dir) => {
    await run("skopeo", [
      policy,
      "--override-os",
      "linux",
      "copy",
      "-q",
      "--dest-compress",
      source,
      `dir:${join(dir, "image")}`,
    ]);
    const { stdout } = await run("skopeo", [
      policy,
      "inspect",
      "--config",
      "--raw",
      `dir:${join(dir, "image")}`,
    ]);
    if (createHash("sha256").update(stdout).digest("hex") !== id)
      throw new Error(`${source} is another image than at the preview; run the same command again`);
  });
  return `dir:${join(folder, "image")}`;
}

/** Copies an image from the cache to a registry that answers without TLS at a port of this host. */
export async function pushImage(copy: string, port: number, name: string): Promise<void> {
  await run("skopeo", [
    policy,
    "copy",
    "-q",
    "--dest-tls-verify=false",
    copy,
    `docker://127.0.0.1:${port}/${name}`,
  ]);
}
