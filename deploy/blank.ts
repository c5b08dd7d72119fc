import { closeSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import { isThisHosts } from "../components/hypervisors";
import { asRoot } from "./as-root";
import { root } from "./environment";
import { virsh } from "./libvirt-objects";
import { run } from "./run";

/** Whether nothing was ever written to a volume. */
export async function isUntouched(uri: string, pool: string, path: string): Promise<boolean> {
  if (!isThisHosts(uri)) return isUnused(uri, pool, basename(path));
  if (process.getuid?.() === 0) return isBlank(path);
  // The folder of the pools is closed to this user.
  const program = [process.execPath, "--require", "tsx/cjs", "deploy/blank.ts", path];
  const { stdout } = await run(...asRoot("env", program), { cwd: root });
  return stdout.trim() === "blank";
}

/** Of a file on another host libvirt alone can be asked: an empty qcow2 takes 200 KiB of disk, the least file system more than 1 MiB. */
async function isUnused(uri: string, pool: string, volume: string): Promise<boolean> {
  const { stdout } = await virsh(uri, ["vol-info", "--bytes", "--pool", pool, volume]);
  return Number(/^Allocation:\s+(\d+)/m.exec(stdout)?.[1] ?? Number.NaN) < 2 ** 20;
}

/** True for an image in which nothing but zeros was ever written, as qemu-img itself does to the first block. */
export async function isBlank(path: string): Promise<boolean> {
  const { stdout } = await run("qemu-img", ["map", "-U", "--output=json", path]);
  const extents = JSON.parse(stdout) as { data: boolean; zero: boolean; offset?: number; length: number }[];
  const file = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(1 << 20);
    for (const { offset = 0, length } of extents.filter(({ data, zero }) => data && !zero)) {
      for (let at = 0; at < length; at += chunk.length) {
        const read = readSync(file, chunk, 0, Math.min(chunk.length, length - at), offset + at);
        if (chunk.subarray(0, read).some((byte) => byte !== 0)) return false;
      }
    }
    return true;
  } finally {
    closeSync(file);
  }
}

if (require.main === module)
  isBlank(process.argv[2] as string).then(
    (blank) => console.log(blank ? "blank" : "written"),
    (error: Error) => {
      console.error(error.message);
      process.exitCode = 1;
    },
  );
