import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { containerUri, killInit } from "../../components/container-domain";

/** What virsh prints about container machines. */
export const virsh = (...args: string[]): string =>
  execFileSync("virsh", ["-q", "-c", containerUri, ...args], { encoding: "utf8" });

export const isRunning = (machine: string): boolean => virsh("list", "--name").split("\n").includes(machine);

/** A container machine loses power: all its processes end at once. When that was, in milliseconds since 1970. */
export function loseMachine(machine: string): number {
  killInit(machine);
  return Date.now();
}

/** Starts a machine that was lost, after libvirt has seen that it is; told to, when it has not within ten seconds. */
export async function startMachine(machine: string): Promise<void> {
  for (const end = Date.now() + 10_000; isRunning(machine) && Date.now() < end; ) await sleep(200);
  if (isRunning(machine)) virsh("destroy", machine);
  virsh("start", machine);
}
