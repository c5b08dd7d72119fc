import { join, resolve } from "node:path";
import { cachePath, contentKey } from "../deploy/cache";
import { type ImageChoice, publishedPath } from "./catalogue";

const here = __dirname;

/** The Debian release of nodes and containers. */
export const suite = "bookworm";

export interface NodeImage {
  readonly key: string;
  readonly dir: string;
  /** A file system with the label ROOT on a whole disk, qcow2. */
  readonly rootImage: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The same root file system as a folder, the lower layer of container machines. */
  readonly rootfs: string;
}

export interface Payload {
  readonly key: string;
  readonly dir: string;
  /** squashfs, a virtual machine's third disk. */
  readonly image: string;
  /** The same tree as a folder, bind-mounted into container machines. */
  readonly tree: string;
}

export function nodeImage(): NodeImage {
  const key = contentKey({
    files: [join(here, "node.ts"), join(here, "node.yaml"), join(here, "boot")],
    values: suite,
  });
  const dir = cachePath("node", key);
  return {
    key,
    dir,
    rootImage: join(dir, "root.qcow2"),
    kernel: join(dir, "vmlinuz"),
    initrd: join(dir, "initrd.img"),
    rootfs: join(dir, "rootfs"),
  };
}

export function payload(): Payload {
  const key = contentKey({
    files: ["payload.ts", "docker-store.ts", "go", "libexec"].map((name) => join(here, name)),
    values: [containersKey(), nodeImage().key],
  });
  const dir = cachePath("payload", key);
  return { key, dir, image: join(dir, "payload.squashfs"), tree: join(dir, "tree") };
}

/** Names the archive of container images by its builder, the image descriptions and the files they copy. */
export function containersKey(): string {
  return contentKey({ files: [join(here, "containers.ts"), resolve(here, "rehearsal")], values: suite });
}

/** What virtual machines boot. */
export interface BootImage {
  readonly key: string;
  /** Distribution and content, as in `debian-1cc7fafe9fe6`. */
  readonly label: string;
  /** The machines' overlays lie over it; qcow2. */
  readonly disk: string;
  /** Given to QEMU directly; a published image has a boot loader. */
  readonly direct?: { readonly kernel: string; readonly initrd: string };
  /** Where the image's Ignition looks for its configuration in QEMU's firmware device, if not where Ignition's own does. */
  readonly fwCfgName?: string;
}

export function bootImage(choice: ImageChoice): BootImage {
  if (choice.name === "debian") {
    const { key, rootImage, kernel, initrd } = nodeImage();
    return { key, label: `debian-${key}`, disk: rootImage, direct: { kernel, initrd } };
  }
  const { key, disk } = publishedPath(choice);
  return {
    key,
    label: `${choice.name}-${choice.version}`,
    disk,
    // https://www.flatcar.org/docs/latest/installing/vms/qemu/
    ...(choice.name === "flatcar" ? { fwCfgName: "opt/org.flatcar-linux/config" } : {}),
  };
}
