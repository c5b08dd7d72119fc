import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./cache";
import { root, stateDir } from "./environment";

/**
 * libvirt knows no owners, so each clone notes the prefixes its stacks use where the others look. A note whose clone
 * is gone counts for nothing.
 */
interface Claim {
  readonly clone: string;
  readonly stack: string;
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

/** Takes the prefix for this clone's stack; false when another living clone has it. */
export function claim(prefix: string, stack: string): boolean {
  if (foreignClaim(prefix, stack)) return false;
  mkdirSync(join(cacheDir(), "claims"), { recursive: true });
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const mine: Claim = { clone: root, stack };
  const held = read(prefix);
  if (held?.clone !== mine.clone || held.stack !== stack) writeFileSync(file(prefix), JSON.stringify(mine));
  return true;
}
