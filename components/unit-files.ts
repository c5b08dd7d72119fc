import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseUnitFile, UnitFileError } from "../provider/fleet/unit-file";
import { checkUnitName } from "../provider/fleet/unit-name";

const project = join(__dirname, "..");

/** The folder of the project's own unit files. */
export const unitsFolder = join(project, "units");

/** A unit file's path as errors name it: from the project's folder on, where it is in there. */
export function shownPath(path: string): string {
  const within = relative(project, path);
  return within.startsWith("..") ? path : within;
}

/**
 * Checks a unit file as fleet.Unit does, which the engine asks only when what the unit depends on is made.
 * @param content read when it is checked
 * @param file named in the problems
 * @returns everything wrong with it, each with the file, mostly the line, the value and what to write instead
 */
export function unitFileProblems(unit: string, content: () => string, file: string): readonly string[] {
  try {
    checkUnitName(unit);
    parseUnitFile(content(), file, unit);
    return [];
  } catch (error) {
    return error instanceof UnitFileError ? error.problems : [`${file}: ${(error as Error).message}`];
  }
}

/** Everything wrong with the unit files of a folder, whether a service has them or not. */
export function unitFolderProblems(folder = unitsFolder): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^[^.].*\.service$/.test(name)) // editors leave files that begin with a dot
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      return unitFileProblems(name.replace("@.", "@1."), () => readFileSync(path, "utf8"), shownPath(path));
    });
}
