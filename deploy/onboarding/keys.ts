import { pathProblem, valueProblem } from "../../provider/etcd/check";
import type { FoundKey } from "../../provider/etcd/range";
import { firstUsers, writtenWhileRunning } from "../../provider/etcd/running";
import { looksSecret } from "./secret";

/** Something in the cluster that no program text is written for, and why. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

export interface PlainKey {
  readonly key: string;
  readonly value: string;
  readonly secret: boolean;
}

/** Keys of one folder, or one key that is alone in its folder. */
export interface KeyGroup {
  /** The folder: what an `etcd.Prefix` is of. */
  readonly prefix: string;
  readonly keys: readonly PlainKey[];
}

export interface KeyChoice {
  /** Keys the stack has already. */
  readonly declared: ReadonlySet<string>;
  /** Keys, or folders of keys, that are secret whatever they look like. */
  readonly secret: readonly string[];
  /** Those that are not, whatever they look like. */
  readonly plain: readonly string[];
}

export const isUnder = (key: string, paths: readonly string[]): boolean =>
  paths.some((path) => key === path || key.startsWith(`${path.replace(/\/$/, "")}/`));

/** Sorts keys into folders. What cannot be a resource, or is not to be one, is left out with the reason. */
export function groupKeys(
  found: readonly FoundKey[],
  choice: KeyChoice,
): { groups: KeyGroup[]; leftOut: LeftOut[] } {
  const leftOut: LeftOut[] = [];
  const folders = new Map<string, PlainKey[]>();
  for (const each of found) {
    const key = textOf(each.key);
    const value = textOf(each.value);
    if (key !== undefined && choice.declared.has(key)) continue;
    const why = reason(key, value, each.lease);
    if (why !== undefined || key === undefined || value === undefined) {
      leftOut.push({ what: each.key.toString(), why: why ?? "is no text" });
      continue;
    }
    const secret = isUnder(key, choice.secret) || (!isUnder(key, choice.plain) && looksSecret(key, value));
    const folder = key.slice(0, key.lastIndexOf("/"));
    folders.set(folder, [...(folders.get(folder) ?? []), { key, value, secret }]);
  }
  const groups = [...folders].map(([prefix, keys]) => ({ prefix, keys: keys.sort(byKey) }));
  // A prefix has a path of its own: keys at the very top stand alone.
  return {
    groups: groups
      .flatMap((group) =>
        group.prefix === "" ? group.keys.map((key) => ({ prefix: "", keys: [key] })) : [group],
      )
      .sort((one, other) => byKey(one.keys[0] as PlainKey, other.keys[0] as PlainKey)),
    leftOut,
  };
}

const byKey = (one: PlainKey, other: PlainKey): number => (one.key < other.key ? -1 : 1);

function reason(key: string | undefined, value: string | undefined, lease: string): string | undefined {
  if (key === undefined || value === undefined) return "is no UTF-8 text, and a key's value is";
  if ([...writtenWhileRunning, firstUsers].some((own) => key.startsWith(own))) return "is the cluster's own";
  if (lease !== "0") return "hangs on a lease: whoever announces it writes it anew";
  return pathProblem(key, "key", "/config/host") ?? valueProblem(value, key);
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
