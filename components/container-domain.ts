import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What one container machine is made of; comes in the environment, with its Ignition on standard input. */
export interface ContainerSpec {
  readonly name: string;
  /** MiB. */
  readonly memory: number;
  readonly vcpus: number;
  readonly network: string;
  readonly mac: string;
  /** The node image's root file system, the overlay's lower layer. */
  readonly rootfs: string;
  readonly payload: string;
  /** Holds what is thrown away with the machine. */
  readonly folder: string;
  readonly data: string;
  /** Made up for each machine that is made, and noted with its data: see `generationOf`. */
  readonly generation: string;
}

const noteOf = (data: string): string => join(data, ".generation");

/**
 * What was noted of a machine when it was made. One whose folder or data is gone, or that never was, gets another: so the next
 * preview sees what is lost, though no resource here reads what is there.
 */
export function generationOf({ folder, data }: Pick<ContainerSpec, "folder" | "data">): string {
  return (process.getuid?.() === 0 ? readNote(folder, data) : readNoteAsRoot(folder, data)) || randomUUID();
}

const readNote = (folder: string, data: string): string =>
  existsSync(folder) && existsSync(noteOf(data)) ? readFileSync(noteOf(data), "utf8").trim() : "";

/** The pools are closed to other users. @throws Error where sudo asks */
const readNoteAsRoot = (folder: string, data: string): string =>
  execFileSync(
    "sudo",
    ["-n", "sh", "-c", '[ ! -d "$1" ] || [ ! -e "$2" ] || cat "$2"', "sh", folder, noteOf(data)],
    { encoding: "utf8" },
  ).trim();

/** Where libvirt keeps domains that are containers, whatever URI the virtual ones have. */
export const containerUri = "lxc:///system";

const virsh = (...args: string[]) =>
  execFileSync("virsh", ["-q", "-c", containerUri, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

/** Makes the machine anew, whatever an interrupted attempt has left of it. */
function create(spec: ContainerSpec, ignition: string): void {
  remove(spec);
  const [upper, work, root] = ["upper", "work", "root"].map((part) => join(spec.folder, part)) as [
    string,
    string,
    string,
  ];
  mkdirSync(spec.folder, { recursive: true, mode: 0o700 });
  for (const folder of [upper, work, root, dockerOf(spec)]) mkdirSync(folder, { mode: 0o755 });
  mkdirSync(spec.data, { recursive: true, mode: 0o755 }); // it may be lost with the machine before
  writeFileSync(noteOf(spec.data), `${spec.generation}\n`);
  mountRoot(spec);
  writeFileSync(join(root, "ignition.json"), ignition, { mode: 0o600 });
  writeFileSync(join(spec.folder, "machine.json"), JSON.stringify(spec));
  if (!existsSync(fuse)) execFileSync("modprobe", ["fuse"]);
  const xml = join(spec.folder, "domain.xml");
  writeFileSync(xml, domainXml(spec, root));
  virsh("define", xml);
  virsh("start", spec.name);
}

/** Starts a machine that is made and does not run: after the host itself has started anew its root is not mounted. */
function start(spec: ContainerSpec): void {
  if (!isMounted(join(spec.folder, "root"))) mountRoot(spec);
  virsh("start", spec.name);
}

function mountRoot({ name, folder, rootfs }: ContainerSpec): void {
  const layers = `lowerdir=${rootfs},upperdir=${join(folder, "upper")},workdir=${join(folder, "work")}`;
  execFileSync("mount", ["-t", "overlay", name, "-o", layers, join(folder, "root")]);
}

/** Docker's own folder: its overlays cannot lie on the machine's. Thrown away with the machine, as an overlay is. */
const dockerOf = (spec: ContainerSpec): string => join(spec.folder, "docker");

/** Ends with nothing of the machine there, or an error: its folder must not go from under a machine that runs. */
function remove(spec: Pick<ContainerSpec, "name" | "folder">): void {
  const names = (...which: string[]) => virsh("list", "--name", ...which).split("\n");
  try {
    if (names().includes(spec.name)) {
      killInit(spec.name);
      virsh("destroy", spec.name);
    }
  } catch (error) {
    if (names().includes(spec.name)) throw error; // it may have ended by itself meanwhile
  }
  if (names("--all").includes(spec.name)) virsh("undefine", spec.name);
  removeControlGroups(spec.name);
  const root = join(spec.folder, "root");
  while (isMounted(root)) execFileSync("umount", ["-l", root]);
  rmSync(spec.folder, { recursive: true, force: true });
}

/**
 * libvirt begins with SIGTERM, on which systemd only starts itself anew, and waits ten seconds before it kills. The kernel ends
 * all of a container with its init, the one child of libvirt's controller, whose process is the domain's number.
 * @returns the init's process, which ends after all others
 */
export function killInit(name: string): number[] {
  const init = childrenOf(virsh("domid", name).trim());
  for (const pid of init) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  return init;
}

/** None of a process that is gone: libvirt lists a machine as running until it has seen that all of it ended. */
function childrenOf(pid: string): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children
      .split(" ")
      .map(Number)
      .filter((child) => child > 1);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Those that the machine made for itself (images/boot/container-init); libvirt removes only its own. */
function removeControlGroups(name: string): void {
  const hierarchies = "/sys/fs/cgroup";
  for (const hierarchy of readdirSync(hierarchies)) {
    const group = join(hierarchies, hierarchy, "machine", name);
    if (existsSync(group)) execFileSync("find", [group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
  }
}

/** https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html: the fifth field, blanks as \\040. */
const isMounted = (path: string): boolean =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === path.replaceAll(" ", "\\040"));

/** For file systems in user space: the media's. */
const fuse = "/dev/fuse";

/** https://libvirt.org/drvlxc.html; capabilities are left to the machine, since systemd and Docker run in it. */
function domainXml(spec: ContainerSpec, root: string): string {
  const bind = (source: string, target: string, readonly = "") =>
    `<filesystem type='mount'><source dir='${source}'/><target dir='${target}'/>${readonly}</filesystem>`;
  return `<domain type='lxc'>
  <name>${spec.name}</name>
  <memory unit='MiB'>${spec.memory}</memory>
  <vcpu>${spec.vcpus}</vcpu>
  <os><type arch='x86_64'>exe</type><init>/usr/libexec/taiga/container-init</init></os>
  <features><capabilities policy='allow'/></features>
  <on_reboot>restart</on_reboot>
  <on_crash>restart</on_crash>
  <devices>
    ${bind(root, "/")}
    ${bind(spec.data, "/var/lib/data")}
    ${bind(dockerOf(spec), "/var/lib/docker")}
    ${bind(spec.payload, "/opt/taiga", "<readonly/>")}
    <interface type='network'><source network='${spec.network}'/><mac address='${spec.mac}'/></interface>
    <hostdev mode='capabilities' type='misc'><source><char>${fuse}</char></source></hostdev>
    <console type='pty'/>
  </devices>
</domain>
`;
}

if (require.main === module) {
  const spec = JSON.parse(process.env.MACHINE ?? "{}") as ContainerSpec;
  if (process.argv[2] === "create") create(spec, readFileSync(0, "utf8"));
  else if (process.argv[2] === "start") start(spec);
  else if (process.argv[2] === "delete") remove(spec);
  else throw new Error("usage: container-domain.ts create|start|delete, with MACHINE in the environment");
}
