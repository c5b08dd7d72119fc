import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { stateDir } from "./environment";
import { writeWhole } from "./whole-file";

/** Of an update under way; one found at the start means that the last one did not end well. */
export interface Mark {
  /** What had names of this stack's before the update and is not in its state: somebody else's, and never removed. Undefined where nobody could look. */
  readonly others: readonly string[] | undefined;
}

const path = (stack: string): string => join(stateDir, `${stack}.updating`);

interface Found extends Mark {
  /** When that update began, in milliseconds since 1970. */
  readonly begun: number;
}

export function readMark(stack: string): Found | undefined {
  if (!existsSync(path(stack))) return undefined;
  const { others } = JSON.parse(readFileSync(path(stack), "utf8")) as Partial<Mark>;
  return { others, begun: statSync(path(stack)).mtimeMs };
}

export const writeMark = (stack: string, mark: Mark): void =>
  writeWhole(path(stack), JSON.stringify(mark), { mode: 0o600 });

export const removeMark = (stack: string): void => rmSync(path(stack), { force: true });
