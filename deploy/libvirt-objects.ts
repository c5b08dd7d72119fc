import { basename, dirname } from "node:path";
import { containerUri } from "../components/container-domain";
import { onContainer } from "./container-machine";
import { run } from "./run";

export type Kind = "domain" | "container" | "network" | "pool";

export interface LibvirtObject {
  readonly kind: Kind;
  readonly name: string;
  /** Of the libvirt that has it. */
  readonly uri: string;
}

/** The libvirt of this host, which has the virtual machines of a stack that names no other. */
const ownUri = "qemu:///system";
const listings: Readonly<Record<Kind, string[]>> = {
  domain: ["list", "--all"],
  container: ["list", "--all"],
  network: ["net-list", "--all"],
  pool: ["pool-list", "--all"],
};

export const virsh = (uri: string, args: readonly string[]): Promise<{ stdout: string }> =>
  run("virsh", ["-c", uri, ...args]);

/**
 * Whether an object belongs to the stack of this prefix: machines are named by it and a number, network and pool by it alone.
 * The stack `dev-4` has a network taiga-dev-4, which is none of the stack `dev`, whose fourth machine is called the same.
 */
export const isOf = (prefix: string, { kind, name }: Pick<LibvirtObject, "kind" | "name">): boolean =>
  kind === "network" || kind === "pool"
    ? name === prefix
    : name.startsWith(`${prefix}-`) && /^\d+$/.test(name.slice(prefix.length + 1));

/** The names of what `virsh LISTING --name` lists. */
export const namesOf = async (uri: string, listing: readonly string[]): Promise<string[]> =>
  (await virsh(uri, [...listing, "--name"])).stdout
    .split("\n")
    .map((name) => name.trim())
    .filter((name) => name !== "");

/** Every domain, network and pool these libvirts have, and every container of this host, whoever made it. */
export async function libvirtObjects(uris: readonly string[] = [ownUri]): Promise<LibvirtObject[]> {
  const kinds = Object.keys(listings) as Kind[];
  const found = await Promise.all(
    kinds.flatMap((kind) =>
      (kind === "container" ? [containerUri] : uris).map(async (uri) =>
        (await namesOf(uri, listings[kind])).map((name) => ({ kind, name, uri })),
      ),
    ),
  );
  return found.flat();
}

/** The paths of a pool's volumes, without the folders of container machines; none when there is no such pool. */
export async function volumes(pool: string, uri: string = ownUri): Promise<string[]> {
  if (!(await namesOf(uri, listings.pool)).includes(pool)) return [];
  // An inactive pool lists nothing; starting one that runs is an error that means the same.
  await virsh(uri, ["pool-start", pool]).catch(() => {});
  await virsh(uri, ["pool-refresh", pool]).catch(() => {});
  const { stdout } = await virsh(uri, ["vol-list", pool, "--details"]);
  return stdout
    .split("\n")
    .slice(2)
    .map((line) => line.trim().split(/\s{2,}/))
    .filter(([, path, type]) => path && type === "file")
    .map(([, path]) => path as string);
}

/** Stops and removes an object, a pool with all its volumes. Who calls has made sure that nobody wants it. */
export async function removeObject({ kind, name, uri }: LibvirtObject): Promise<void> {
  const attempt = (...args: string[]) => virsh(uri, args).catch(() => undefined);
  if (kind === "network") {
    await attempt("net-destroy", name);
    await virsh(uri, ["net-undefine", name]);
  } else if (kind === "pool") {
    // One whose folder is gone does not start, and has no volumes.
    for (const path of await volumes(name, uri).catch(() => [])) {
      await attempt("vol-delete", basename(path), "--pool", name);
    }
    await attempt("pool-destroy", name);
    await attempt("pool-delete", name);
    await virsh(uri, ["pool-undefine", name]);
  } else if (kind === "container") {
    await onContainer("delete", JSON.stringify({ name, folder: await folderOf(name) }));
  } else {
    await attempt("destroy", name);
    await virsh(uri, ["undefine", name, "--managed-save", "--nvram"]);
  }
}

/** A container machine's root lies in the folder that goes with the machine. */
async function folderOf(container: string): Promise<string> {
  const { stdout: xml } = await virsh(containerUri, ["dumpxml", container]);
  const root = /<source dir='([^']+)'\/>\s*<target dir='\/'\/>/.exec(xml)?.[1];
  if (!root)
    throw new Error(
      `libvirt's container ${container} has no folder for its root; it is none of this project's`,
    );
  return dirname(root);
}
