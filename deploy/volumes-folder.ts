import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { asRoot } from "./as-root";
import { run } from "./run";

/** The folder that holds the pools of every stack, unless a stack's `taiga:pool` is elsewhere. */
export const volumesFolder = "/var/lib/taiga";

/**
 * Keeps this host's other users out of the pools: the libvirt provider makes every volume readable by all, also those with
 * a machine's host key or with Taiga's data. QEMU alone, where it is a user of its own, may pass through.
 */
export async function ensureVolumesFolder(log: string): Promise<void> {
  const group = qemuGroup();
  const [command, args] = asRoot("install", [
    ...["-d", "-o", "root", "-g", group ?? "root", "-m", group ? "0710" : "0700"],
    volumesFolder,
  ]);
  await run(command, args, { log });
}

/** The group QEMU runs as; undefined where it is root. Debian's, Fedora's and Arch's names, in this order. */
function qemuGroup(): string | undefined {
  const set = /^group = "([^"]+)"/m.exec(readConf())?.[1];
  if (set !== undefined) return set === "root" ? undefined : set;
  return ["libvirt-qemu", "qemu", "kvm"].find(
    (name) => spawnSync("getent", ["group", name], { stdio: "ignore" }).status === 0,
  );
}

/** Readable by root alone; whoever cannot read it gets the group that is there. */
function readConf(): string {
  try {
    return readFileSync("/etc/libvirt/qemu.conf", "utf8");
  } catch {
    return spawnSync("sudo", ["-n", "cat", "/etc/libvirt/qemu.conf"], { encoding: "utf8" }).stdout ?? "";
  }
}
