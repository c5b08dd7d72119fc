import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { asRoot } from "./as-root";
import { run } from "./run";

export type Kind = "domain" | "container" | "network" | "pool";

export interface LibvirtObject {
  readonly kind: Kind;
  readonly name: string;
}

const uris: Readonly<Record<Kind, string>> = {
  domain: "qemu:///system",
  container: "lxc:///system",
  network: "qemu:///system",
  pool: "qemu:///system",
};
const listings: Readonly<Record<Kind, string[]>> = {
  domain: ["list", "--all", "--name"],
  container: ["list", "--all", "--name"],
  network: ["net-list", "--all", "--name"],
  pool: ["pool-list", "--all", "--name"],
};

export const virsh = (kind: Kind, args: readonly string[]): Promise<{ stdout: string }> =>
  run("virsh", ["-c", uris[kind], ...args]);

/** Whether an object of this name belongs to the stack of this prefix: the prefix itself, or it and a number. */
export const isOf = (prefix: string, name: string): boolean =>
  name === prefix || (name.startsWith(`${prefix}-`) && /^\d+$/.test(name.slice(prefix.length + 1)));

/** Every domain, container, network and pool libvirt has, whoever made it. */
export async function libvirtObjects(): Promise<LibvirtObject[]> {
  const kinds = Object.keys(listings) as Kind[];
  const found = await Promise.all(
    kinds.map(async (kind) =>
      (await virsh(kind, listings[kind])).stdout
        .split("\n")
        .map((name) => name.trim())
        .filter((name) => name !== "")
        .map((name) => ({ kind, name })),
    ),
  );
  return found.flat();
}

export const libvirtNames = async (): Promise<string[]> => (await libvirtObjects()).map(({ name }) => name);

/** The paths of a pool's volumes, without the folders of container machines; none when there is no such pool. */
export async function volumes(pool: string): Promise<string[]> {
  if (!(await libvirtObjects()).some(({ kind, name }) => kind === "pool" && name === pool)) return [];
  // An inactive pool lists nothing; starting one that runs is an error that means the same.
  await virsh("pool", ["pool-start", pool]).catch(() => {});
  await virsh("pool", ["pool-refresh", pool]).catch(() => {});
  const { stdout } = await virsh("pool", ["vol-list", pool, "--details"]);
  return stdout
    .split("\n")
    .slice(2)
    .map((line) => line.trim().split(/\s{2,}/))
    .filter(([, path, type]) => path && type === "file")
    .map(([, path]) => path as string);
}

/** Stops and removes an object, a pool with all its volumes. Who calls has made sure that nobody wants it. */
export async function removeObject({ kind, name }: LibvirtObject): Promise<void> {
  const attempt = (...args: string[]) => virsh(kind, args).catch(() => undefined);
  if (kind === "network") {
    await attempt("net-destroy", name);
    await virsh(kind, ["net-undefine", name]);
  } else if (kind === "pool") {
    for (const path of await volumes(name)) {
      await attempt("vol-delete", basename(path), "--pool", name);
    }
    await attempt("pool-destroy", name);
    await attempt("pool-delete", name);
    await virsh(kind, ["pool-undefine", name]);
  } else {
    await attempt("destroy", name);
    await virsh(kind, ["undefine", name, ...(kind === "domain" ? ["--managed-save", "--nvram"] : [])]);
    if (kind === "container") removeRoot(name);
  }
}

/** A container machine's root is an overlay mount named like it, in a folder that goes with the machine. */
function removeRoot(name: string): void {
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [device, path = "", type] = line.split(" ");
    if (device !== name || type !== "overlay") continue;
    execFileSync(...asRoot("umount", ["-l", path]));
    execFileSync(...asRoot("rm", ["-rf", dirname(path)]));
  }
}
