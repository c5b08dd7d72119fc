import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * A file backend keeps the type and checksum of a stack's state in a file beside it, which the engine, unlike the state, overwrites
 * in place: killed in that moment it leaves an empty one, and says of the state "failed to load checkpoint: EOF" ever after.
 * Nothing needs those files, so one that is not whole is removed; the state itself is never touched.
 * @param directory of the backend
 * @returns the names of the files that were removed
 */
export function dropTornAttributes(directory: string, project: string): string[] {
  const folder = join(directory, ".pulumi/stacks", project);
  if (!existsSync(folder)) return [];
  const torn = readdirSync(folder).filter((name) => name.endsWith(".attrs") && !isWhole(join(folder, name)));
  for (const name of torn) rmSync(join(folder, name), { force: true });
  return torn;
}

function isWhole(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, "utf8"));
    return true;
  } catch {
    return false;
  }
}
