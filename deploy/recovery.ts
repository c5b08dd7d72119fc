import { basename } from "node:path";
import type { Hypervisor } from "../components/hypervisors";
import { isUntouched } from "./blank";
import { type Backend, root } from "./environment";
import { isOf, type LibvirtObject, libvirtObjects, removeObject, virsh, volumes } from "./libvirt-objects";
import { clearDeadLocks } from "./locks";
import { endOrphans } from "./orphans";
import { calledOn, type Deployment, deletionHappened, recorded } from "./recorded";
import { run } from "./run";
import type { StackSettings } from "./stack-file";
import type { Progress } from "./steps";
import { readMark, removeMark } from "./update-mark";

export interface Recovered {
  readonly says: string;
  /** What has names of this stack's, is not in its state and stays: see `Mark`. */
  readonly others: string[] | undefined;
}

/**
 * Puts right what a killed update left: its lock, its children, operations nobody knows the end of, and libvirt objects
 * that were made and never recorded. Touches objects only when there are signs of such an update, and never what was there
 * before an update of deploy.sh: what a stack did not record may otherwise be somebody else's.
 */
export async function recover(
  stack: string,
  place: StackSettings,
  backend: Backend,
  env: Record<string, string>,
  progress: Progress,
): Promise<Recovered> {
  const done: string[] = [];
  const pulumi = (args: readonly string[], input?: string) =>
    run("pulumi", [...args, "--stack", stack, "--non-interactive", "--color", "never"], {
      cwd: root,
      env,
      ...(input !== undefined && { input }),
    });
  let mark = readMark(stack);
  if (mark && (await endedWellAfter(mark.begun, pulumi))) {
    removeMark(stack);
    mark = undefined;
  }
  let interrupted = mark !== undefined;
  if (backend.directory) {
    const cleared = await clearDeadLocks(backend.directory, stack, progress);
    if (cleared > 0) {
      interrupted = true;
      done.push("cleared the lock of a process that is dead");
    }
  }
  const orphans = endOrphans();
  if (orphans > 0) done.push(`ended ${orphans} plugins of a dead update`);

  const [{ stdout }, here] = await Promise.all([
    pulumi(["stack", "export"]),
    present(place).catch((error: Error) => error),
  ]);
  const exported = JSON.parse(stdout) as { deployment?: Deployment };
  const deployment = exported.deployment ?? {};
  const pending = deployment.pending_operations ?? [];
  const isDone = !interrupted && pending.length === 0;
  if (here instanceof Error) {
    // A hypervisor that does not answer is the preview's to name, with the setting that it is from.
    if (isDone) return { says: "nothing to recover", others: undefined };
    throw here;
  }
  const known = recorded(deployment, place.hypervisors);
  const unrecorded = here.filter((each) => isThisStacks(place, each) && !known.has(each.called));
  if (isDone) return { says: "nothing to recover", others: unrecorded.map(({ called }) => called) };

  progress.say("the last update did not end: looking for what it left");
  const isLeft = ({ called }: Found) =>
    mark === undefined || (mark.others !== undefined && !mark.others.includes(called));
  const left = unrecorded.filter(isLeft);
  await refuseToLoseData(place, left);
  for (const one of left) {
    const what = `unrecorded ${one.kind} ${one.kind === "volume" ? basename(one.path) : one.name}`;
    progress.say(`removing ${what}`);
    if (one.kind === "volume")
      await virsh(one.uri, ["vol-delete", basename(one.path), "--pool", place.prefix]);
    else await removeObject(one);
    done.push(`removed ${what}`);
  }
  if (pending.length > 0) {
    // What was being made is gone or recorded by now, what was being changed is looked at again by `up`; but the
    // libvirt provider cannot delete what is deleted already.
    const now = new Set((await present(place)).map(({ called }) => called));
    deployment.resources = (deployment.resources ?? []).filter(
      (resource) =>
        !(deletionHappened(resource, pending, now, place.hypervisors) && done.push(`forgot ${resource.urn}`)),
    );
    deployment.pending_operations = [];
    await pulumi(["stack", "import"], JSON.stringify(exported));
    done.push(`cleared ${pending.length} pending operations`);
  }
  return {
    says: done.join("; ") || "nothing to recover",
    others: unrecorded.filter((each) => !left.includes(each)).map(({ called }) => called),
  };
}

/** Whether an update that began later ended well, as a plain `pulumi up` does that goes on after Ctrl+C. */
async function endedWellAfter(
  begun: number,
  pulumi: (args: readonly string[]) => Promise<{ stdout: string }>,
): Promise<boolean> {
  const { stdout } = await pulumi(["stack", "history", "--json", "--page-size", "1"]);
  const [last] = (JSON.parse(stdout) ?? []) as { startTime: string; result: string }[];
  return last !== undefined && last.result === "succeeded" && Date.parse(last.startTime) > begun;
}

interface FoundVolume {
  readonly kind: "volume";
  readonly path: string;
  readonly uri: string;
}
/** Something a libvirt has, and what `recorded` calls it. */
type Found = (LibvirtObject | FoundVolume) & { readonly called: string };

/** Everything the hypervisors have, of volumes those of the stack's pool. Each comes before what it uses or lies in. */
async function present(place: StackSettings): Promise<Found[]> {
  const [objects, volumes] = await Promise.all([objectsOn(place.hypervisors), volumesOn(place)]);
  const isPool = ({ kind }: Found) => kind === "pool";
  return [...objects.filter((each) => !isPool(each)), ...volumes, ...objects.filter(isPool)];
}

const isThisStacks = (place: StackSettings, found: Found): boolean =>
  found.kind === "volume" || isOf(place.prefix, found);

async function objectsOn(hypervisors: readonly Hypervisor[]): Promise<Found[]> {
  const nameOf = new Map(hypervisors.map(({ name, uri }) => [uri, name]));
  return (await libvirtObjects(hypervisors.map(({ uri }) => uri))).map((object) => ({
    ...object,
    called: calledOn(nameOf.get(object.uri) ?? "", object.kind, object.name),
  }));
}

async function volumesOn({ prefix, hypervisors }: StackSettings): Promise<Found[]> {
  const found = hypervisors.map(async ({ name, uri }) =>
    (await volumes(prefix, uri)).map((path) => ({
      ...{ kind: "volume" as const, path, uri },
      called: calledOn(name, "volume", path),
    })),
  );
  return (await Promise.all(found)).flat();
}

/** Stops before anything is removed when an unrecorded data volume holds something. */
async function refuseToLoseData(place: StackSettings, left: readonly Found[]): Promise<void> {
  for (const one of left) {
    if (one.kind !== "volume" || !/data/.test(basename(one.path).replace(place.prefix, ""))) continue;
    const { path, uri } = one;
    if (await isUntouched(uri, place.prefix, path)) continue;
    throw new Error(
      `${path} is a data volume this stack has no record of, and it is not blank. It is left as it is.\n` +
        `If its data is wanted, put a copy outside of the pool first: cp --sparse=always ${path} /elsewhere/, or virsh -c ${uri} vol-download. ` +
        `If it is not: virsh -c ${uri} vol-delete ${basename(path)} --pool ${place.prefix}. Then run ./deploy.sh again.`,
    );
  }
}
