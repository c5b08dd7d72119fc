import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/**
 * The files of a folder and of those in it, as `values` of an `etcd.Prefix`: each file's path names a key, its text, less one
 * line end at its end, is the value. Files and folders that begin with a dot are left out.
 * @throws Error for a file that is no text (UTF-8).
 */
export function readDirectory(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.split(sep).some((part) => part.startsWith(".")))
    .sort();
  return Object.fromEntries(
    files.map((path) => [path.split(sep).join("/"), textOf(join(folder, path)).replace(/\r?\n$/, "")]),
  );
}

function textOf(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error(`${file} is no UTF-8 text, and a key's value is; write it as base64, or leave it out`);
  }
}
