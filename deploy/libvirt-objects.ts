import { basename, dirname } from "node:path";
import { onContainer } from "./container-machine";
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
  } else if (kind === "container") {
    await onContainer("delete", JSON.stringify({ name, folder: await folderOf(name) }));
  } else {
    await attempt("destroy", name);
    await virsh(kind, ["undefine", name, "--managed-save", "--nvram"]);
  }
}

/** A container machine's root lies in the folder that goes with the machine. */
async function folderOf(container: string): Promise<string> {
  const { stdout: xml } = await virsh("container", ["dumpxml", container]);
  const root = /<source dir='([^']+)'\/>\s*<target dir='\/'\/>/.exec(xml)?.[1];
  if (!root)
    throw new Error(
      `libvirt's container ${container} has no folder for its root; it is none of this project's`,
    );
  return dirname(root);
}
