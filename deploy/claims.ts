import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./cache";
import { root, stateDir } from "./environment";
import { writeWhole } from "./whole-file";

/**
 * libvirt knows no owners, so each clone notes the prefixes its stacks use where the others look. A note whose clone
 * is gone counts for nothing.
 */
interface Claim {
  readonly clone: string;
  readonly stack: string;
  /** CIDR; a claim of an earlier version has none. */
  readonly network?: string;
}

const file = (prefix: string): string => join(cacheDir(), "claims", `${prefix}.json`);

function read(prefix: string): Claim | undefined {
  if (!existsSync(file(prefix))) return undefined;
  return JSON.parse(readFileSync(file(prefix), "utf8")) as Claim;
}

/** Who else on this host holds the prefix; undefined when nobody does. */
export function foreignClaim(prefix: string, stack: string): Claim | undefined {
  const held = read(prefix);
  if (!held || (held.clone === root && held.stack === stack)) return undefined;
  return existsSync(join(held.clone, ".state")) ? held : undefined;
}

/** The networks that other stacks of this host hold, deployed or not. */
export function claimedNetworks(stack: string): string[] {
  const folder = join(cacheDir(), "claims");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const held = foreignClaim(name.replace(/\.json$/, ""), stack);
    return held?.network ? [held.network] : [];
  });
}

/** Takes prefix and network for this clone's stack; false when another living clone or stack has the prefix. */
export function claim(prefix: string, network: string, stack: string): boolean {
  if (foreignClaim(prefix, stack)) return false;
  mkdirSync(join(cacheDir(), "claims"), { recursive: true });
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const mine = JSON.stringify({ clone: root, stack, network } satisfies Claim);
  try {
    writeWhole(file(prefix), mine, { onlyNew: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (foreignClaim(prefix, stack)) return false; // it came between the question and the answer
    if (readFileSync(file(prefix), "utf8") !== mine) writeWhole(file(prefix), mine);
  }
  return true;
}
