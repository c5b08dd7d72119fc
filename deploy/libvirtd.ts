import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { asRoot, rootWay } from "./as-root";
import { daemonCommand, hasServiceManager } from "./daemon";
import { run } from "./run";
import type { Progress } from "./steps";

export const libvirtUri = process.env.LIBVIRT_DEFAULT_URI || "qemu:///system";
/** Whether it is this host's system libvirt, which may be started. */
const isOwnUri = /^(qemu|lxc):\/\/\/system$/.test(libvirtUri);

/**
 * What QEMU's driver needs where nothing manages services: no confinement that the host does not offer, no cgroups of
 * its own, and guest output written to files rather than through virtlogd. Tried together, not one by one.
 */
export const qemuSettings = `
# taiga: for a host without a service manager
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
`;
const qemuConf = "/etc/libvirt/qemu.conf";

/** What lets libvirt's group in where no polkit does: where nothing manages services, it is not there either. */
const socketSettings = `
# taiga: for a host without a service manager
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
auth_unix_rw = "none"
`;
const libvirtdConf = "/etc/libvirt/libvirtd.conf";
/** Where libvirtd writes by itself when it is started with -d. */
const libvirtdLog = "/var/log/libvirt/libvirtd.log";

export const answers = (uri: string): boolean =>
  spawnSync("virsh", ["-c", uri, "version"], { stdio: "ignore", timeout: 10_000 }).status === 0;

/** What ensureLibvirtd will do, and change on this host for it: one line. */
export function libvirtdPlan(
  isThere = answers(libvirtUri),
  isManaged = hasServiceManager(),
  isRoot = process.getuid?.() === 0,
): string {
  if (isThere) return `answers on ${libvirtUri}`;
  if (!isOwnUri) return `does not answer on ${libvirtUri} (LIBVIRT_DEFAULT_URI), which is not ours to start`;
  if (isManaged) return "to be started by systemd, unless it runs";
  const added = (settings: string) =>
    [...settings.matchAll(/^(\w+) = /gm)].map(([, name]) => name).join(", ");
  const changes = [
    `${qemuConf} gets ${added(qemuSettings)} (QEMU as root, unconfined)`,
    ...(isRoot ? [] : [`${libvirtdConf} gets ${added(socketSettings)}`]),
    "mount --make-rshared /",
  ];
  return `to be started by hand, unless it runs (no service manager here): ${changes.join("; ")}`;
}

/** Makes libvirtd answer on the system URI, by the service manager or, where there is none, by hand. */
export async function ensureLibvirtd(progress: Progress): Promise<string> {
  if (answers(libvirtUri)) return `answers on ${libvirtUri}`;
  if (!isOwnUri) {
    throw new Error(
      `libvirt does not answer on ${libvirtUri} (LIBVIRT_DEFAULT_URI). Look with: virsh -c ${libvirtUri} version`,
    );
  }
  if (rootWay() === "none") {
    throw new Error(
      `libvirt does not answer on ${libvirtUri}. Either it does not run (sudo systemctl enable --now libvirtd) ` +
        `or you may not use it (sudo usermod -aG libvirt $USER, then log in again)`,
    );
  }
  if (hasServiceManager()) {
    progress.say("starting libvirtd by systemd");
    const [command, args] = asRoot("systemctl", ["enable", "--now", "libvirtd"]);
    await run(command, args, { log: progress.log });
  } else {
    progress.say("starting virtlogd and libvirtd by hand: no service manager runs here");
    await startByHand(progress);
  }
  for (let waited = 0; !answers(libvirtUri); waited += 1) {
    if (waited === 30) {
      throw new Error(
        `libvirtd was started and does not answer on ${libvirtUri}. Its own words: ` +
          `${hasServiceManager() ? "journalctl -u libvirtd" : libvirtdLog}, or sudo libvirtd --verbose (in the foreground)`,
      );
    }
    await sleep(1000);
  }
  return `started, answers on ${libvirtUri}`;
}

async function startByHand(progress: Progress): Promise<void> {
  const root = (command: string, ...args: string[]) => {
    const [first, rest] = asRoot(command, args);
    return run(first, rest, { log: progress.log });
  };
  await configure(qemuConf, qemuSettings, progress);
  if (process.getuid?.() !== 0) await configure(libvirtdConf, socketSettings, progress);
  // Mounts made after libvirtd started (a container machine's root) must be seen in its mount namespace.
  await root("mount", "--make-rshared", "/");
  if (!running("virtlogd")) await root("virtlogd", "-d");
  if (running("libvirtd")) {
    if (process.getuid?.() === 0) return; // it may be starting
    throw new Error(
      "libvirtd runs, and was started before it had to let in who is not root. Its machines do not notice when it is started anew: " +
        "sudo kill $(pidof libvirtd), then run this again",
    );
  }
  // On a hybrid cgroup host libvirtd stumbles over the second hierarchy: it gets a mount namespace without it.
  const hybrid = "/sys/fs/cgroup/unified";
  const daemon = existsSync(`${hybrid}/cgroup.procs`)
    ? ["unshare", "-m", "--propagation", "slave", "sh", "-c", `umount ${hybrid} && exec libvirtd`]
    : ["libvirtd"];
  const [command, args] = daemonCommand(daemon, libvirtdLog);
  await root(command, ...args);
}

/** Adds to a file that root alone may read. */
async function configure(path: string, settings: string, progress: Progress): Promise<void> {
  const [command, args] = asRoot("cat", [path]);
  if (spawnSync(command, args, { encoding: "utf8" }).stdout.includes(settings)) return;
  await run(...asRoot("tee", ["-a", path]), { input: settings, log: progress.log });
}

const running = (daemon: string): boolean => spawnSync("pidof", [daemon], { stdio: "ignore" }).status === 0;
