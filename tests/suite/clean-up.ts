import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDir } from "../../deploy/cache";
import { type LibvirtObject, libvirtObjects, removeObject } from "../../deploy/libvirt-objects";
import { volumesFolder } from "../../deploy/volumes-folder";
import { bridges, namespaces, removeBridge, removeNamespace } from "../support/namespace";
import { endStragglers } from "./processes";

/** Prefixes of the suite's own stacks: e2e*, and taiga-test-* of provider tests. */
const isOurs = ({ name }: Pick<LibvirtObject, "name">): boolean => /^taiga-(e2e|test)/.test(name);

/** Removes processes, libvirt objects, network namespaces and bridges of the suite that its tests left. */
export async function cleanUp(): Promise<string[]> {
  const removed: string[] = [];
  const processes = endStragglers();
  if (processes > 0) removed.push(`${processes} processes`);
  for (const object of (await libvirtObjects().catch(() => [])).filter(isOurs)) {
    await removeObject(object).catch((error: Error) => console.log(`   ${error.message}`));
    removed.push(`${object.kind} ${object.name}`);
  }
  // Pools that were just removed, and what a fault has put beside one: disks for machines' data.
  for (const name of foldersOfOurs()) {
    removeFolder(join(volumesFolder, name));
    removed.push(`folder ${name}`);
  }
  for (const name of namespaces().filter((each) => isOurs({ name: each }))) {
    await removeNamespace(name);
    removed.push(`namespace ${name}`);
  }
  for (const name of bridges().filter((each) => isOurs({ name: each }))) {
    removeBridge(name);
    removed.push(`bridge ${name}`);
  }
  for (const folder of [tmpdir(), join(cacheDir(), "claims")]) removeOurs(folder);
  return removed;
}

/** A suite that was killed leaves the checkouts of its stacks, and in them who holds their names and networks. */
function removeOurs(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((each) => isOurs({ name: each })))
    rmSync(join(folder, name), { recursive: true, force: true });
}

const foldersOfOurs = (): string[] =>
  existsSync(volumesFolder) ? readdirSync(volumesFolder).filter((name) => isOurs({ name })) : [];

/** A folder, with what is mounted in it: roots and disks of container machines. */
function removeFolder(folder: string): void {
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path === folder || path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) execFileSync("umount", ["-l", path]);
  rmSync(folder, { recursive: true, force: true });
}
