import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { asRoot, checkRootWay, sudoAsksNothing } from "./as-root";
import { run } from "./run";

/** The folder that holds the pools of every stack, unless a stack's `taiga:pool` is elsewhere. */
export const volumesFolder = "/var/lib/taiga";

/**
 * Keeps this host's other users out of the pools: the libvirt provider makes every volume readable by all, also those with
 * a machine's host key or with Taiga's data. QEMU alone, where it is a user of its own, may pass through.
 * @throws Error with the line to copy, where the folder is not closed and this user cannot become root.
 */
export async function ensureVolumesFolder(log: string, folder = volumesFolder): Promise<void> {
  // Who would be asked for a password is not asked for what is done already.
  if (process.getuid?.() !== 0 && !sudoAsksNothing() && isClosed(folder)) return;
  const group = qemuGroup();
  const install = ["-d", "-o", "root", "-g", group ?? "root", "-m", group ? "0710" : "0700", folder];
  checkRootWay(`${folder} is to be made and closed to other users`, `install ${install.join(" ")}`);
  const [command, args] = asRoot("install", install);
  await run(command, args, { log });
}

/** Whether a folder is root's own, and others than its group may not enter it. */
export function isClosed(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found?.uid === 0 && (found.mode & 0o007) === 0;
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
