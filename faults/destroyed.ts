import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { containerUri } from "../components/container-domain";
import { onContainer } from "../deploy/container-machine";
import type { Cluster, Machine } from "./cluster";
import { releaseDisk } from "./container-disk";

/** Ends a machine and deletes its volumes, the data's with them, as if its disks had died. */
export async function destroyMachine(cluster: Cluster, { name, hypervisor }: Machine): Promise<void> {
  const pool = cluster.pool;
  if (hypervisor === containerUri) {
    await onContainer("delete", JSON.stringify({ name, folder: `${pool.path}/${name}` }));
    releaseDisk(`${pool.path}/${name}-data`);
    rmSync(`${pool.path}/${name}-data`, { recursive: true, force: true });
    return;
  }
  const virsh = (...args: string[]) =>
    execFileSync("virsh", ["-q", "-c", hypervisor, ...args], { encoding: "utf8" });
  virsh("destroy", name);
  virsh("undefine", name);
  for (const line of virsh("vol-list", pool.name).split("\n")) {
    const [volume = ""] = line.trim().split(/\s+/);
    if (volume.startsWith(`${name}-`)) virsh("vol-delete", volume, "--pool", pool.name);
  }
}
