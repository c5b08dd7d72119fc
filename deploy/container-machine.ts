import { asRoot } from "./as-root";
import { root } from "./environment";
import { run } from "./run";

/** Has components/container-domain.ts do something with a container machine, as root. @param spec its ContainerSpec, JSON */
export async function onContainer(action: "start" | "delete", spec: string, log?: string): Promise<void> {
  const program = ["--require", "tsx/cjs", "components/container-domain.ts", action];
  await run(...asRoot("env", [`MACHINE=${spec}`, process.execPath, ...program]), {
    cwd: root,
    ...(log !== undefined && { log }),
  });
}
