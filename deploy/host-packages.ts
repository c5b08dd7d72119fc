import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { asRoot, rootWay } from "./as-root";
import { hasServiceManager } from "./daemon";
import { run } from "./run";
import type { Progress } from "./steps";

/** What the host needs, as Debian and Ubuntu name the packages, with a command, or a file by its path, each must have brought. */
export const hostPackages: Readonly<Record<string, string>> = {
  "ca-certificates": "update-ca-certificates",
  "libvirt-daemon-system": "libvirtd",
  "libvirt-daemon-driver-lxc": "libvirtd",
  "libvirt-clients": "virsh",
  "qemu-system-x86": "qemu-system-x86_64",
  "qemu-utils": "qemu-img",
  "dnsmasq-base": "dnsmasq",
  iptables: "iptables",
  iproute2: "ip",
  kmod: "modprobe",
  e2fsprogs: "mke2fs",
  mmdebstrap: "mmdebstrap",
  "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg", // Ubuntu does not know Debian's keys
  "squashfs-tools": "mksquashfs",
  "busybox-static": "busybox",
  cpio: "cpio",
  zstd: "zstd",
  "openssh-client": "ssh",
  gcc: "gcc", // flanneld is the one binary that needs C
  "libc6-dev": "gcc",
  ...(hasServiceManager() ? {} : { tini: "tini" }), // waits for what libvirtd leaves running, where no service manager does
};

/** What copying Taiga's own images takes (taiga:images). */
export const imagePackages: Readonly<Record<string, string>> = { skopeo: "skopeo" };

export function onPath(command: string, path = process.env.PATH ?? ""): boolean {
  return [...path.split(delimiter), "/usr/sbin", "/sbin"].some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const isThere = (brought: string): boolean =>
  brought.startsWith("/") ? existsSync(brought) : onPath(brought);

/** The packages of `wanted` this host lacks. */
export function missingPackages(wanted: Readonly<Record<string, string>> = hostPackages): string[] {
  const names = Object.keys(wanted);
  if (!onPath("dpkg-query")) return names.filter((name) => !isThere(wanted[name] as string));
  // A name dpkg never heard of is an error to dpkg-query and simply missing to us.
  const { stdout } = spawnSync(
    "dpkg-query",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in itself
    ["-W", "-f", "${binary:Package} ${db:Status-Status}\n", ...names],
    {
      encoding: "utf8",
    },
  );
  const installed = new Set(
    stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => (line.split(" ")[0] as string).replace(/:.*/, "")),
  );
  return names.filter((name) => !installed.has(name));
}

/** Installs what is missing, or says in one line what to type where that is not allowed. */
export async function ensureHostPackages(
  progress: Progress,
  wanted: Readonly<Record<string, string>> = hostPackages,
): Promise<string> {
  const missing = missingPackages(wanted);
  if (missing.length === 0) return "all there";
  if (!onPath("apt-get")) {
    throw new Error(
      `this host has no apt-get. Please install what brings these commands and files, then run this again: ${missing.map((name) => wanted[name]).join(" ")}`,
    );
  }
  const install = ["install", "-y", "--no-install-recommends", ...missing];
  if (rootWay() === "none") {
    throw new Error(
      `packages are missing, and installing them takes root. Please run this line, then ./deploy.sh again:\n  sudo apt-get update && sudo apt-get ${install.join(" ")}`,
    );
  }
  // Another apt may be at work, or one of ours may have been killed half way.
  const apt = (...args: string[]) => {
    const [command, line] = asRoot("env", [
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      "-o",
      "DPkg::Lock::Timeout=600",
      ...args,
    ]);
    return run(command, line, { log: progress.log });
  };
  const unfinished = spawnSync("dpkg", ["--audit"], { encoding: "utf8" }).stdout.trim();
  if (unfinished) {
    progress.say("finishing an interrupted package installation");
    const [command, line] = asRoot("dpkg", ["--configure", "-a"]);
    await run(command, line, { log: progress.log });
  }
  progress.say("apt-get update");
  await apt("update");
  progress.say(`installing ${missing.length} packages and what they need: ${missing.join(" ")}`);
  await apt(...install);
  return `installed ${missing.join(" ")}`;
}
