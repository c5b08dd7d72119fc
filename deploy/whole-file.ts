import { existsSync, linkSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

interface Wishes {
  /** Of a file that is not there yet; one that is keeps its own. Default: 0o666 less the umask. */
  readonly mode?: number;
  /** Fails with EEXIST where there is a file already, and of several writers for all but one. */
  readonly onlyNew?: boolean;
}

/** Writes a text file that is there with all of its text, or as it was before, whatever is killed meanwhile. */
export function writeWhole(path: string, text: string, { mode, onlyNew = false }: Wishes = {}): void {
  const there = !onlyNew && existsSync(path);
  const target = there ? realpathSync(path) : path;
  const draft = `${target}.${process.pid}.partial`;
  try {
    writeFileSync(draft, text, { mode: there ? statSync(target).mode : mode });
    if (onlyNew) linkSync(draft, target);
    else renameSync(draft, target);
  } finally {
    rmSync(draft, { force: true });
  }
}
