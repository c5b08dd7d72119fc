import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stateDir } from "./environment";
import { writeWhole } from "./whole-file";

/** Of an update under way; one found at the start means that the last one did not end well. */
export interface Mark {
  /** What had names of this stack's before the update and is not in its state: somebody else's, and never removed. */
  readonly others: readonly string[];
}

const path = (stack: string): string => join(stateDir, `${stack}.updating`);

export function readMark(stack: string): Mark | undefined {
  if (!existsSync(path(stack))) return undefined;
  try {
    const { others } = JSON.parse(readFileSync(path(stack), "utf8")) as Partial<Mark>;
    return { others: others ?? [] };
  } catch {
    return { others: [] }; // of an earlier version
  }
}

export const writeMark = (stack: string, mark: Mark): void =>
  writeWhole(path(stack), JSON.stringify(mark), { mode: 0o600 });

export const removeMark = (stack: string): void => rmSync(path(stack), { force: true });
