import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Hypervisor, isThisHosts } from "../components/hypervisors";
import { type Backend, root } from "./environment";
import { isOf, type LibvirtObject, libvirtObjects, removeObject, virsh, volumes } from "./libvirt-objects";
import { run } from "./run";
import { project, type StackSettings } from "./stack";
import type { Progress } from "./steps";
import { updateMark } from "./update";

/** The parts of `pulumi stack export` that recovery reads; all else passes through untouched. */
export interface Deployment {
  resources?: Resource[];
  pending_operations?: PendingOperation[];
}

export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: unknown;
  readonly outputs?: Record<string, unknown>;
  /** URN and id of the provider that made it, joined by `::`. */
  readonly provider?: string;
  /** Deleted already, its replacement not yet recorded. */
  readonly pendingReplacement?: boolean;
}

export interface PendingOperation {
  readonly resource: { readonly urn: string; readonly type: string };
  readonly type: string;
}

/**
 * Puts right what a killed update left: its lock, its children, operations nobody knows the end of, and libvirt objects
 * that were made and never recorded. Touches objects only when there are signs of such an update: what a stack did not
 * record may otherwise be somebody else's.
 */
export async function recover(
  stack: string,
  place: StackSettings,
  backend: Backend,
  env: Record<string, string>,
  progress: Progress,
): Promise<string> {
  const done: string[] = [];
  let interrupted = existsSync(updateMark(stack));
  if (backend.directory) {
    const cleared = await clearDeadLocks(backend.directory, stack, progress);
    if (cleared > 0) {
      interrupted = true;
      done.push("cleared the lock of a process that is dead");
    }
  }
  const orphans = endOrphans();
  if (orphans > 0) done.push(`ended ${orphans} plugins of a dead update`);

  const pulumi = (args: readonly string[], input?: string) =>
    run("pulumi", [...args, "--stack", stack, "--non-interactive", "--color", "never"], {
      cwd: root,
      env,
      ...(input !== undefined && { input }),
    });
  const exported = JSON.parse((await pulumi(["stack", "export"])).stdout) as { deployment?: Deployment };
  const deployment = exported.deployment ?? {};
  const pending = deployment.pending_operations ?? [];
  if (!interrupted && pending.length === 0) return "nothing to recover";

  progress.say("the last update did not end: looking for what it left");
  const objects = await unrecordedObjects(place, deployment);
  await refuseToLoseData(place, deployment);
  for (const object of objects) {
    progress.say(`removing unrecorded ${object.kind} ${object.name}`);
    await removeObject(object);
    done.push(`removed unrecorded ${object.kind} ${object.name}`);
  }
  for (const { path, uri } of await unrecordedVolumes(place, deployment)) {
    progress.say(`removing unrecorded volume ${path}`);
    await virsh(uri, ["vol-delete", basename(path), "--pool", place.prefix]);
    done.push(`removed unrecorded volume ${basename(path)}`);
  }
  if (pending.length > 0) {
    // What was being made is gone or recorded by now, what was being changed is looked at again by `up`; but the
    // libvirt provider cannot delete what is deleted already.
    const here = await present(place);
    deployment.resources = (deployment.resources ?? []).filter(
      (resource) =>
        !(
          deletionHappened(resource, pending, here, place.hypervisors) && done.push(`forgot ${resource.urn}`)
        ),
    );
    deployment.pending_operations = [];
    await pulumi(["stack", "import"], JSON.stringify(exported));
    done.push(`cleared ${pending.length} pending operations`);
  }
  return done.join("; ") || "nothing to recover";
}

/** Everything these hypervisors have, named as `recorded` does. */
async function present(place: StackSettings): Promise<Set<string>> {
  return new Set([
    ...(await objectsOn(place.hypervisors)).map(({ called }) => called),
    ...(await volumesOn(place)).map(({ called }) => called),
  ]);
}

/** Containers are this host's, whatever a hypervisor's name is; all else is told apart by where it is. */
const calledOn = (hypervisor: string, kind: LibvirtObject["kind"] | "volume", name: string): string =>
  kind === "container" ? `${kind} ${name}` : `${kind} ${name} on ${hypervisor}`;

async function objectsOn(
  hypervisors: readonly Hypervisor[],
): Promise<(LibvirtObject & { readonly called: string })[]> {
  const nameOf = new Map(hypervisors.map(({ name, uri }) => [uri, name]));
  return (await libvirtObjects(hypervisors.map(({ uri }) => uri))).map((object) => ({
    ...object,
    called: calledOn(nameOf.get(object.uri) ?? "", object.kind, object.name),
  }));
}

interface FoundVolume {
  readonly path: string;
  readonly uri: string;
  readonly called: string;
}

async function volumesOn({ prefix, hypervisors }: StackSettings): Promise<FoundVolume[]> {
  const found = hypervisors.map(async ({ name, uri }) =>
    (await volumes(prefix, uri)).map((path) => ({ path, uri, called: calledOn(name, "volume", path) })),
  );
  return (await Promise.all(found)).flat();
}

/** Whether a resource was being deleted when the update died, and is no longer there. */
export function deletionHappened(
  resource: Resource,
  pending: readonly PendingOperation[],
  here: ReadonlySet<string>,
  hypervisors: readonly Hypervisor[],
): boolean {
  const deleting = pending.some(({ type, resource: { urn } }) => type === "deleting" && urn === resource.urn);
  if (!deleting || !resource.type.startsWith("libvirt:")) return false;
  return [...recorded({ resources: [resource] }, hypervisors)].every((name) => !here.has(name));
}

interface Lock {
  readonly pid: number;
  readonly hostname: string;
  readonly username: string;
  readonly timestamp: string;
}

/** Removes locks whose process on this host is dead and waits for the living; returns how many it removed. */
export async function clearDeadLocks(directory: string, stack: string, progress: Progress): Promise<number> {
  const locks = join(directory, ".pulumi/locks/organization", project, stack);
  let cleared = 0;
  for (;;) {
    const files = existsSync(locks) ? readdirSync(locks).filter((name) => name.endsWith(".json")) : [];
    const held = files.map((name) => ({ path: join(locks, name), lock: readLock(join(locks, name)) }));
    const elsewhere = held.find(({ lock }) => lock && lock.hostname !== hostname());
    if (elsewhere?.lock) {
      throw new Error(
        `stack ${stack} is locked by process ${elsewhere.lock.pid} of ${elsewhere.lock.username} on ${elsewhere.lock.hostname} ` +
          `since ${elsewhere.lock.timestamp}. If that has ended: pulumi cancel ${stack}`,
      );
    }
    const living = held.filter(({ lock }) => lock && isPulumi(lock.pid));
    for (const { path } of held.filter((one) => !living.includes(one))) {
      for (const file of [path, `${path}.attrs`]) rmSync(file, { force: true });
      cleared += 1;
    }
    if (living.length === 0) return cleared;
    progress.say(`waiting for the update of ${stack} that process ${living[0]?.lock?.pid} is running`);
    await sleep(2000);
  }
}

/** An unreadable lock was being written when its process died. */
function readLock(path: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Lock;
  } catch {
    return undefined;
  }
}

/** A number may have been given to another process since, or belong to a dead one nobody has waited for. */
function isPulumi(pid: number): boolean {
  try {
    return /^\d+ \(pulumi\) [^ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** Ends plugins and programs working on this clone whose engine is dead; they could still be making things. */
function endOrphans(): number {
  let ended = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== root) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (!/pulumi-(language|resource)-|@pulumi\/pulumi\/cmd\/|container-domain\.ts/.test(command)) continue;
      if (hasEngine(Number(pid))) continue;
      process.kill(Number(pid), "SIGKILL");
      ended += 1;
    } catch {
      // It ended while being looked at, or belongs to another user.
    }
  }
  return ended;
}

/** Whether a living pulumi is among a process's ancestors. */
function hasEngine(pid: number): boolean {
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  return parent > 1 && (isPulumi(parent) || hasEngine(parent));
}

/** Domains, machines, network and pool of this prefix that the state does not hold; domains first. */
async function unrecordedObjects(place: StackSettings, deployment: Deployment): Promise<LibvirtObject[]> {
  const known = recorded(deployment, place.hypervisors);
  return (await objectsOn(place.hypervisors)).filter(
    ({ name, called }) => isOf(place.prefix, name) && !known.has(called),
  );
}

/**
 * What the state holds, as "kind name on hypervisor", volumes by their path. The provider of each hypervisor that is listed
 * has its name (components/cluster.ts); the engine's own stands for the first.
 */
export function recorded(deployment: Deployment, hypervisors: readonly Hypervisor[]): Set<string> {
  const known = new Set<string>();
  for (const { type, id, inputs, outputs, provider, pendingReplacement } of deployment.resources ?? []) {
    if (pendingReplacement) continue; // what has its name now was made after it, by an update that could not record it
    const name = String(outputs?.name ?? "");
    const made = provider?.split("::").at(-2);
    const hypervisor = (hypervisors.find((each) => each.name === made) ?? hypervisors[0])?.name ?? "";
    const add = (kind: LibvirtObject["kind"] | "volume", each: string) =>
      known.add(calledOn(hypervisor, kind, each));
    if (type === "libvirt:index/domain:Domain") add("domain", name);
    else if (type === "libvirt:index/network:Network") add("network", name);
    else if (type === "libvirt:index/pool:Pool") add("pool", name);
    else if (/^libvirt:index\/(volume|ignition|cloudInitDisk)/.test(type)) {
      add("volume", String(id).replace(/;.*$/, ""));
    } else if (type === "command:local:Command") {
      // A container machine is a command with the machine's name in its environment or input.
      for (const word of JSON.stringify([inputs, outputs]).match(/[\w-]+/g) ?? []) add("container", word);
    }
  }
  return known;
}

async function unrecordedVolumes(place: StackSettings, deployment: Deployment): Promise<FoundVolume[]> {
  const known = recorded(deployment, place.hypervisors);
  return (await volumesOn(place)).filter(({ called }) => !known.has(called));
}

/** Stops before anything is removed when an unrecorded data volume holds something. */
async function refuseToLoseData(place: StackSettings, deployment: Deployment): Promise<void> {
  for (const { path, uri } of await unrecordedVolumes(place, deployment)) {
    if (!/data/.test(basename(path))) continue;
    if (await (isThisHosts(uri) ? isBlank(path) : isUnused(uri, place.prefix, basename(path)))) continue;
    throw new Error(
      `${path} is a data volume this stack has no record of, and it is not blank. It is left as it is.\n` +
        `If its data is wanted, put it out of the way first: virsh -c ${uri} vol-clone … or cp --sparse=always ${path} /elsewhere/. ` +
        `If it is not: virsh -c ${uri} vol-delete ${basename(path)} --pool ${place.prefix}. Then run ./deploy.sh again.`,
    );
  }
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
