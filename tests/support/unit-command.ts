import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readOptions } from "../../provider/fleet/unit-file";

/** How a unit runs an image: what `docker run` is given for the image and its program, without names, mounts of the machine's folders and environment. */
export interface UnitCommand {
  /** `--user`, `--entrypoint` and `--tmpfs`, where the unit has them. */
  readonly options: string;
  /** What follows the image. */
  readonly program: string;
}

/** Reads the `docker run` of a unit file, or what a script of libexec runs before it. */
export function unitCommand(unit: string, image: string, script?: "migrate" | "first-user"): UnitCommand {
  const options = readOptions(readFileSync(join(__dirname, "../../units", `${unit}.service`), "utf8"));
  const name = script ? "ExecStartPre" : "ExecStart";
  const calling = script ? `libexec/${script} ` : "docker run ";
  const line = options.find((each) => each.name === name && each.value.includes(calling))?.value ?? "";
  const [before, after] = line.split(` ${image}`) as [string, string | undefined];
  if (after === undefined) throw new Error(`${unit}: no ${name} with ${calling}and ${image}`);
  if (script) {
    const [program, ...rest] = after.trim().split(" ").slice(1);
    return { options: `--entrypoint ${program}`, program: rest.join(" ") };
  }
  return {
    options: (before.match(/--(user|entrypoint|tmpfs) \S+/g) ?? []).join(" "),
    program: after.trim(),
  };
}
