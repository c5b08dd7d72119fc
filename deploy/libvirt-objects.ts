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
