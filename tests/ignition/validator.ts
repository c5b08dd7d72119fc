import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { cached, contentKey } from "../../deploy/cache";
import { goBuild } from "../../deploy/go";

const moduleDir = join(__dirname, "../go/ignition");

/** The path of `ignition-validate`, built once into the cache from the module that pins it. */
export async function validator(): Promise<string> {
  const key = contentKey({ files: [join(moduleDir, "go.mod"), join(moduleDir, "go.sum")] });
  const folder = await cached("test-tools", key, (work) =>
    goBuild({
      moduleDir,
      package: "github.com/coreos/ignition/v2/validate",
      out: join(work, "ignition-validate"),
      log: `${work}.log`,
    }),
  );
  return join(folder, "ignition-validate");
}

/** What the validator says of a configuration; empty when it takes it without a warning. */
export function complaints(program: string, ignition: string): string {
  const { stdout, stderr, status, error } = spawnSync(program, ["-"], { input: ignition, encoding: "utf8" });
  if (error) throw error;
  return status === 0 ? `${stdout}${stderr}` : `${stdout}${stderr}` || `ended with ${status}`;
}
