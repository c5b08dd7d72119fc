import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

const ip = (...args: string[]): string =>
  execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** The names of this host's network namespaces. */
export const namespaces = (): string[] =>
  ip("netns", "list")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name !== "");

/** The names of this host's bridges. */
export const bridges = (): string[] =>
  (JSON.parse(ip("-json", "link", "show", "type", "bridge") || "[]") as { ifname?: string }[]).flatMap(
    ({ ifname }) => ifname ?? [],
  );

/** Removes a network namespace with all that runs in it; an interface whose other end is in it goes along. */
export async function removeNamespace(name: string): Promise<void> {
  for (let pids = processesIn(name); pids.length > 0; pids = processesIn(name)) {
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await sleep(100);
  }
  ip("netns", "delete", name);
}

const processesIn = (name: string): number[] =>
  ip("netns", "pids", name).split("\n").filter(Boolean).map(Number);

export const removeBridge = (name: string): string => ip("link", "delete", name, "type", "bridge");
