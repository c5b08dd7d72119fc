import { existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { cacheDir } from "./cache";

/**
 * What a host must have free for a stack from nothing, as README.md says it: GiB of memory for the machines by what runs
 * them, GB of disk by what lies there.
 */
export const needs = {
  memory: { kvm: 6, emulated: 8 },
  disk: { "what is built": 4, "Go's own caches": 6, "the machines' volumes": 5 },
} as const;

/** Bytes of memory; `available` is what programs can have without others being swapped out. */
export interface Memory {
  readonly total: number;
  readonly available: number;
}

/** @param text of /proc/meminfo, which counts in KiB. */
export function readMemory(text = readFileSync("/proc/meminfo", "utf8")): Memory {
  const field = (name: string) => Number(new RegExp(`^${name}: *(\\d+) kB$`, "m").exec(text)?.[1]) * 1024;
  return { total: field("MemTotal"), available: field("MemAvailable") };
}

/** @param needed GiB; 0 where nothing is known to be needed. */
export function memoryLine({ total, available }: Memory, needed: number): string {
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  const short = `. WARNING: three virtual machines as they are by default take ${needed} GiB, unless they run already`;
  return `${gib(available)} of ${gib(total)} GiB are free${available < needed * 2 ** 30 ? short : ""}`;
}

export type Content = keyof typeof needs.disk;

/** What will lie on a file system, and how many bytes that has free. */
export interface Disk {
  readonly folder: string;
  readonly contents: readonly Content[];
  readonly free: number;
}

/** The file systems that a stack's files will lie on. @param pool the folder of its volumes; undefined where they are on other hosts. */
export function findDisks(pool: string | undefined): Disk[] {
  const folders: [Content, string][] = [
    ["what is built", cacheDir()],
    ["Go's own caches", homedir()],
    ...(pool === undefined ? [] : [["the machines' volumes", pool] as [Content, string]]),
  ];
  const disks = new Map<number, Disk>();
  for (const [content, folder] of folders) {
    const there = nearest(folder);
    const { bavail, bsize } = statfsSync(there);
    const { dev } = statSync(there);
    const { contents = [], ...known } = disks.get(dev) ?? {};
    disks.set(dev, { folder, free: bavail * bsize, ...known, contents: [...contents, content] });
  }
  return [...disks.values()];
}

/** The folder itself, or the first above it that is there. */
const nearest = (folder: string): string => (existsSync(folder) ? folder : nearest(dirname(folder)));

/** @param there what needs no more room. */
export function diskLine(disks: readonly Disk[], there: readonly Content[] = []): string {
  return disks
    .map(({ folder, contents, free }) => {
      const wanted = contents.filter((content) => !there.includes(content));
      const needed = wanted.reduce((sum, content) => sum + needs.disk[content], 0);
      const short = `. WARNING: ${wanted.join(", ")} take ${needed} GB, unless they are there already`;
      return `${(free / 1e9).toFixed(1)} GB are free at ${folder}${free < needed * 1e9 ? short : ""}`;
    })
    .join("; ");
}
