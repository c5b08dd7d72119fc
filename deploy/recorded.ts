import type { Hypervisor } from "../components/hypervisors";
import type { LibvirtObject } from "./libvirt-objects";

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

/** Containers are this host's, whatever a hypervisor's name is; all else is told apart by where it is. */
export const calledOn = (hypervisor: string, kind: LibvirtObject["kind"] | "volume", name: string): string =>
  kind === "container" ? `${kind} ${name}` : `${kind} ${name} on ${hypervisor}`;

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
