import { join } from "node:path";
import { asRoot } from "./as-root";
import { onContainer } from "./container-machine";
import { isOf, virsh } from "./libvirt-objects";
import { run } from "./run";
import type { StackSettings } from "./stack";
import type { Progress } from "./steps";

/**
 * Starts what this stack has made and does not run, as after a restart of the host: network, pool, machines. `pulumi up` sees
 * nothing to do then, since it has made them all. Who keeps a machine off on purpose keeps it off by `virsh`, not by this command.
 */
export async function startMachines(place: StackSettings, progress: Progress): Promise<string> {
  const named = async (kind: Parameters<typeof virsh>[0], ...listing: string[]) =>
    (await virsh(kind, [...listing, "--name"])).stdout
      .split("\n")
      .map((name) => name.trim())
      .filter((name) => isOf(place.prefix, name));
  const started: string[] = [];
  const start = async (what: string, name: string, how: () => Promise<unknown>) => {
    progress.say(`starting ${what} ${name}, which was off`);
    await how();
    started.push(name);
  };

  for (const name of await named("network", "net-list", "--inactive"))
    await start("network", name, () => virsh("network", ["net-start", name]));
  for (const name of await named("pool", "pool-list", "--inactive"))
    await start("pool", name, () => virsh("pool", ["pool-start", name]));
  for (const name of await named("domain", "list", "--state-shutoff"))
    await start("machine", name, () => virsh("domain", ["start", name]));
  for (const name of await named("container", "list", "--state-shutoff"))
    await start("machine", name, () => startContainer(join(place.pool, name), progress));
  return started.length === 0 ? "all that is made runs" : `started ${started.join(", ")}`;
}

/** The machine's folder holds what it was made of (components/container-domain.ts). */
async function startContainer(folder: string, progress: Progress): Promise<void> {
  const { stdout: spec } = await run(...asRoot("cat", [join(folder, "machine.json")]));
  await onContainer("start", spec, progress.log);
}
