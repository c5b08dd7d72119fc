import type { CloudConfig, CloudUnit, CloudUser } from "./cloud-config";
import { type DaemonOptions, type DaemonSection, mergeDaemon } from "./daemons";

/**
 * Lays a stack's own cloud-config over the node's:
 * - `hostname`, `manage_etc_hosts`: the stack's, where given;
 * - `ssh_authorized_keys`: the stack's are added;
 * - `users` of one name: field by field the stack's, but groups and keys are added, so that nobody locks the operator out;
 * - `write_files` of one path: the stack's instead;
 * - `coreos.units` of one name: field by field the stack's, drop-ins of one name the stack's, others side by side;
 * - `coreos.etcd2`, `fleet`, `flannel`: option by option the stack's, but fleet's metadata are added.
 */
export function merge(base: CloudConfig, extra: CloudConfig): CloudConfig {
  const sections = Object.keys({ ...base.daemons, ...extra.daemons }) as DaemonSection[];
  return {
    ...base,
    ...extra,
    ssh_authorized_keys: union(base.ssh_authorized_keys, extra.ssh_authorized_keys),
    users: mergeBy(base.users, extra.users, "name", joinUsers),
    write_files: mergeBy(base.write_files, extra.write_files, "path", (_, other) => other),
    units: mergeBy(base.units, extra.units, "name", joinUnits),
    daemons: Object.fromEntries(
      sections.map((each): [DaemonSection, DaemonOptions] => [
        each,
        mergeDaemon(base.daemons[each], extra.daemons[each]),
      ]),
    ),
  };
}

function joinUsers(base: CloudUser, extra: CloudUser): CloudUser {
  return {
    ...base,
    ...extra,
    ...joined(base, extra, "groups"),
    ...joined(base, extra, "ssh_authorized_keys"),
  };
}

function joined<K extends "groups" | "ssh_authorized_keys">(
  base: CloudUser,
  extra: CloudUser,
  key: K,
): Partial<CloudUser> {
  return base[key] || extra[key] ? { [key]: union(base[key], extra[key]) } : {};
}

export function joinUnits(base: CloudUnit, extra: CloudUnit): CloudUnit {
  const dropIns = mergeBy(base.drop_ins ?? [], extra.drop_ins ?? [], "name", (_, other) => other);
  return { ...base, ...extra, ...(dropIns.length > 0 ? { drop_ins: dropIns } : {}) };
}

function union(base: readonly string[] = [], extra: readonly string[] = []): string[] {
  return [...new Set([...base, ...extra])];
}

/** Entries of one key are joined in the place of the first; new ones come after. */
export function mergeBy<K extends string, T extends { readonly [key in K]: string }>(
  base: readonly T[],
  extra: readonly T[],
  key: K,
  join: (base: T, extra: T) => T,
): T[] {
  const merged = new Map(base.map((item) => [item[key] as string, item]));
  for (const item of extra) {
    const before = merged.get(item[key]);
    merged.set(item[key], before === undefined ? item : join(before, item));
  }
  return [...merged.values()];
}
