import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { containerUri, killInit } from "../../components/container-domain";
import { lives } from "./processes";

/** What virsh prints about machines, of containers where no other URI is given. */
export const virsh = (...args: string[]): string => virshAt(containerUri, ...args);

const virshAt = (uri: string, ...args: string[]): string =>
  execFileSync("virsh", ["-q", "-c", uri, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

export const isRunning = (machine: string, uri = containerUri): boolean =>
  virshAt(uri, "list", "--name").split("\n").includes(machine);

/** A command for a machine: when its own init was started, in the kernel's ticks. Another answer is another start. */
export const startOf = "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat";

/** A machine loses power: all its processes end at once. When the last one had, in milliseconds since 1970: none answers after that. */
export async function loseMachine(machine: string, uri = containerUri): Promise<number> {
  const killed = uri === containerUri ? killInit(machine) : [killQemu(machine)];
  while (killed.some(lives)) await sleep(10);
  return Date.now();
}

/** libvirt's own `destroy` begins with SIGTERM, on which QEMU still writes out what it has. */
function killQemu(machine: string): number {
  const pid = Number(readFileSync(`/run/libvirt/qemu/${machine}.pid`, "utf8"));
  process.kill(pid, "SIGKILL");
  return pid;
}

/** Starts a machine that was lost, after libvirt has seen that it is; told to, when it has not within ten seconds. */
export async function startMachine(machine: string, uri = containerUri): Promise<void> {
  for (const end = Date.now() + 10_000; isRunning(machine, uri) && Date.now() < end; ) await sleep(200);
  if (isRunning(machine, uri)) virshAt(uri, "destroy", machine);
  virshAt(uri, "start", machine);
}

/** The machine's end of the bridge, on this host. */
export const interfaceOf = (machine: string, uri = containerUri): string =>
  virshAt(uri, "domiflist", machine).trim().split(/\s+/)[0] as string;
