import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { parseUnitFile, UnitFileError } from "../provider/fleet/unit-file";
import { checkUnitName } from "../provider/fleet/unit-name";

const project = join(__dirname, "..");

/** The folder of the project's own unit files. */
export const unitsFolder = join(project, "units");

/**
 * Checks a unit file as fleet.Unit does, which the engine asks only when what the unit depends on is made; a template as its first
 * instance.
 * @param content read when it is checked
 * @returns everything wrong with it, each with the file, mostly the line, the value and what to write instead
 */
export function unitFileProblems(
  path: string,
  content = () => readFileSync(path, "utf8"),
): readonly string[] {
  const file = shownPath(path);
  const unit = basename(path).replace(/@(?=\.service$)/, "@1");
  try {
    checkUnitName(unit);
    parseUnitFile(content(), file, unit);
    return [];
  } catch (error) {
    return error instanceof UnitFileError ? error.problems : [`${file}: ${(error as Error).message}`];
  }
}

/** A unit file's path as errors name it: from the project's folder on, where it is in there. */
function shownPath(path: string): string {
  const within = relative(project, path);
  return within.startsWith("..") ? path : within;
}

/** Everything wrong with the unit files of a folder, whether a service has them or not. */
export const unitFolderProblems = (folder = unitsFolder): readonly string[] =>
  readdirSync(folder)
    .filter((name) => /^[^.].*\.service$/.test(name)) // editors leave files that begin with a dot
    .sort()
    .flatMap((name) => unitFileProblems(join(folder, name)));
