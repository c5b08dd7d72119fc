import type { CloudConfig, CloudUnit } from "./cloud-config";

/**
 * Lays a stack's own cloud-config over the node's. Files replace files of the same path and users of the same name;
 * a unit of the same name keeps its content unless the stack gives one, and its drop-ins are joined; keys are added.
 */
export function merge(base: CloudConfig, extra: CloudConfig): CloudConfig {
  return {
    ...(extra.hostname ?? base.hostname ? { hostname: extra.hostname ?? base.hostname } : {}),
    ssh_authorized_keys: [...base.ssh_authorized_keys, ...extra.ssh_authorized_keys],
    users: by(base.users, extra.users, ({ name }) => name, (one, other) => ({ ...one, ...other })),
    write_files: by(base.write_files, extra.write_files, ({ path }) => path, (_, other) => other),
    units: by(base.units, extra.units, ({ name }) => name, joinUnits),
  };
}

function joinUnits(base: CloudUnit, extra: CloudUnit): CloudUnit {
  const dropIns = by(base.drop_ins ?? [], extra.drop_ins ?? [], ({ name }) => name, (_, other) => other);
  return { ...base, ...extra, ...(dropIns.length > 0 ? { drop_ins: dropIns } : {}) };
}

function by<T>(base: readonly T[], extra: readonly T[], key: (item: T) => string, join: (base: T, extra: T) => T): T[] {
  const joined = new Map(base.map((item) => [key(item), item]));
  for (const item of extra) {
    const before = joined.get(key(item));
    joined.set(key(item), before === undefined ? item : join(before, item));
  }
  return [...joined.values()];
}
