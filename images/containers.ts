import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { cached, contentKey } from "../deploy/cache";
import { run } from "../deploy/run";
import { suite } from "./artifacts";
import { isolated } from "./isolated";

/** A container image as `images/rehearsal/<folder>/image.yaml` describes it; `root/` beside it is copied over the rest. */
interface ImageSpec {
  readonly folder: string;
  /** Repository and tag, such as `taiga/back:rehearsal`. */
  readonly name: string;
  /** Debian packages on top of the base. */
  readonly packages?: readonly string[];
  /** The folder of an image whose files this one has, and no others. */
  readonly from?: string;
  readonly workdir?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly ports?: readonly number[];
  /** Paths that packages leave and the image does not need. */
  readonly remove?: readonly string[];
}

/** What tells an image that stands in for Taiga's, wherever it was copied to. */
export const rehearsalLabel = "taiga.rehearsal";

const sources = join(__dirname, "rehearsal");
const epoch = "2024-01-01T00:00:00Z";
const clean =
  "rm -rf var/lib/apt/lists/* var/cache/apt/* var/cache/debconf/* var/log/* usr/share/doc/* usr/share/man/* usr/share/locale/* usr/share/info/*";

/** Builds one docker-archive with every image; they share the layer of Debian's base. */
export async function buildContainers(key: string, report: (line: string) => void): Promise<string> {
  const base = await cached(
    "container-base",
    contentKey({ files: [__filename], values: suite }),
    async (dir) => {
      report("installing the containers' Debian base");
      const rootfs = join(dir, "rootfs");
      const args = ["--variant=apt", "--mode=root", "--format=directory", suite, rootfs];
      await run(...isolated("mmdebstrap", args), { log: join(dir, "build.log") });
      await run("sh", ["-c", clean], { cwd: rootfs });
    },
  );
  return cached("containers", key, async (dir) => {
    const archive = join(dir, "archive");
    mkdirSync(archive);
    const baseLayer = await addLayer(join(base, "rootfs"), archive);
    const manifest: unknown[] = [];
    const built = new Map<string, readonly string[]>();
    for (const spec of specs()) {
      report(`building the container image ${spec.name}`);
      const layers = spec.from
        ? (built.get(spec.from) as readonly string[])
        : [baseLayer, await installedLayer(join(base, "rootfs"), join(dir, spec.folder), spec, archive)];
      built.set(spec.folder, layers);
      const config = JSON.stringify(imageConfig(spec, layers));
      const name = `${createHash("sha256").update(config).digest("hex")}.json`;
      writeFileSync(join(archive, name), config);
      manifest.push({ Config: name, RepoTags: [spec.name], Layers: layers.map((digest) => `${digest}.tar`) });
    }
    writeFileSync(join(archive, "manifest.json"), JSON.stringify(manifest));
    await run("tar", [
      "--sort=name",
      `--mtime=${epoch}`,
      "--owner=0",
      "--group=0",
      "-cf",
      join(dir, "rehearsal.tar"),
      "-C",
      archive,
      ".",
    ]);
    rmSync(archive, { recursive: true });
  });
}

async function installedLayer(base: string, dir: string, spec: ImageSpec, archive: string): Promise<string> {
  await installOver(base, dir, spec);
  const layer = await addLayer(join(dir, "upper"), archive);
  rmSync(dir, { recursive: true });
  return layer;
}

/** By name, those that take another's files last. */
function specs(): ImageSpec[] {
  return readdirSync(sources)
    .filter((folder) => existsSync(join(sources, folder, "image.yaml")))
    .sort()
    .map((folder) => ({
      folder,
      ...(load(readFileSync(join(sources, folder, "image.yaml"), "utf8")) as Omit<ImageSpec, "folder">),
    }))
    .sort((one, other) => Number(one.from !== undefined) - Number(other.from !== undefined));
}

/** Installs packages and files over the base; `upper` then holds what is new. Mounts live in a namespace of their own. */
async function installOver(base: string, dir: string, spec: ImageSpec): Promise<void> {
  for (const folder of ["upper", "work", "merged"]) mkdirSync(join(dir, folder), { recursive: true });
  const script = `
    set -e
    mount -t overlay overlay -o "lowerdir=$BASE,upperdir=upper,workdir=work" merged
    mount -t proc proc merged/proc
    mount --bind /dev merged/dev
    cp /etc/resolv.conf merged/etc/resolv.conf
    printf '#!/bin/sh\\nexit 101\\n' >merged/usr/sbin/policy-rc.d && chmod 755 merged/usr/sbin/policy-rc.d
    if [ -n "$PACKAGES" ]; then
      chroot merged apt-get -qq update
      DEBIAN_FRONTEND=noninteractive chroot merged apt-get -qq install --no-install-recommends $PACKAGES
    fi
    rm merged/usr/sbin/policy-rc.d
    if [ -d "$FILES" ]; then cp -a --no-preserve=ownership "$FILES/." merged/; fi
    cd merged && ${clean} $REMOVE`;
  await run(...isolated("sh", ["-c", script]), {
    cwd: dir,
    env: {
      REMOVE: (spec.remove ?? []).map((path) => path.replace(/^\//, "")).join(" "),
      BASE: base,
      PACKAGES: (spec.packages ?? []).join(" "),
      FILES: join(sources, spec.folder, "root"),
    },
    log: `${dir}.log`,
  });
}

/** Packs a folder as a layer named by its digest. Overlayfs's whiteouts become the archive format's. */
async function addLayer(folder: string, archive: string): Promise<string> {
  const deleted = await run("find", [folder, "-type", "c", "-printf", "%h/%f %T@\n"]);
  for (const line of deleted.stdout.split("\n").filter(Boolean)) {
    const path = line.slice(0, line.lastIndexOf(" "));
    if (path.startsWith(join(folder, "dev"))) continue;
    rmSync(path);
    const at = path.lastIndexOf("/");
    writeFileSync(`${path.slice(0, at)}/.wh.${path.slice(at + 1)}`, "");
  }
  const tar = join(archive, "layer.partial");
  await run("tar", [
    "--sort=name",
    "--numeric-owner",
    "--exclude=./dev/*",
    "--exclude=./proc/*",
    "--exclude=./etc/resolv.conf",
    "-cf",
    tar,
    "-C",
    folder,
    ".",
  ]);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(tar)) hash.update(chunk as Buffer);
  const digest = hash.digest("hex");
  renameSync(tar, join(archive, `${digest}.tar`));
  return digest;
}

function imageConfig(spec: ImageSpec, layers: readonly string[]): unknown {
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return {
    architecture: "amd64",
    os: "linux",
    created: epoch,
    config: {
      Env: Object.entries({ PATH: path, LANG: "C.UTF-8", ...spec.env }).map(
        ([key, value]) => `${key}=${value}`,
      ),
      Entrypoint: spec.entrypoint,
      ...(spec.workdir ? { WorkingDir: spec.workdir } : {}),
      ...(spec.name.endsWith(":rehearsal") ? { Labels: { [rehearsalLabel]: "true" } } : {}),
      ExposedPorts: Object.fromEntries((spec.ports ?? []).map((port) => [`${port}/tcp`, {}])),
    },
    rootfs: { type: "layers", diff_ids: layers.map((digest) => `sha256:${digest}`) },
    history: layers.map(() => ({ created: epoch, created_by: "taiga" })),
  };
}
