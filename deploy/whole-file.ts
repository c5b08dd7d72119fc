import {
  chmodSync,
  existsSync,
  linkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";

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
    writeFileSync(draft, text, { mode });
    if (there) chmodSync(draft, statSync(target).mode & 0o7777);
    if (onlyNew) linkSync(draft, target);
    else renameSync(draft, target);
  } catch (error) {
    // A file system without links.
    if (!onlyNew || !/^(EPERM|ENOTSUP|ENOSYS)$/.test(`${(error as NodeJS.ErrnoException).code}`)) throw error;
    writeFileSync(target, text, { mode, flag: "wx" });
  } finally {
    rmSync(draft, { force: true });
  }
}
