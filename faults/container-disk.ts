import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname } from "node:path";

/** MiB: enough for a cluster that has just begun, and soon full. */
const size = 2048;

/** Beside the pool, whose files are libvirt's volumes: what it does not know of is removed there. */
const imageOf = (folder: string) => `${dirname(folder)}-disks/${basename(folder)}.img`;

/**
 * A container machine's data is a folder of this host, whose disk nobody wants to fill: it is given a small file system of
 * its own, before the machine is made.
 */
export function giveDisk(folder: string): void {
  if (isMounted(folder)) return;
  mkdirSync(folder, { recursive: true });
  const image = imageOf(folder);
  mkdirSync(dirname(image), { recursive: true, mode: 0o700 });
  if (!existsSync(image)) {
    writeFileSync(image, "", { mode: 0o600 });
    truncateSync(image, size * 1024 * 1024);
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-m", "0", image]);
  }
  execFileSync("mount", ["-o", "loop", image, folder]);
}

export function releaseDisk(folder: string): void {
  while (isMounted(folder)) execFileSync("umount", ["-l", folder]);
  const image = imageOf(folder);
  rmSync(image, { force: true });
  if (existsSync(dirname(image)) && readdirSync(dirname(image)).length === 0) rmdirSync(dirname(image));
}

const isMounted = (path: string): boolean =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === path);
