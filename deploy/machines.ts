import { join } from "node:path";
import { containerUri } from "../components/container-domain";
import { asRoot } from "./as-root";
import { onContainer } from "./container-machine";
import { isOf, type Kind, namesOf, virsh } from "./libvirt-objects";
import { answers } from "./libvirtd";
import { run } from "./run";
import type { StackSettings } from "./stack-file";
import type { Progress } from "./steps";

/**
 * Starts what this stack has made and does not run, as after a restart of the host: network, pool, machines. `pulumi up` sees
 * nothing to do then, since it has made them all. Who keeps a machine off on purpose keeps it off by `virsh`, not by this command.
 */
export async function startMachines(place: StackSettings, progress: Progress): Promise<string> {
  const off = async (uri: string, kind: Kind, ...listing: string[]) =>
    (await namesOf(uri, listing)).filter((name) => isOf(place.prefix, { kind, name }));
  const started: string[] = [];
  const start = async (what: string, name: string, how: () => Promise<unknown>) => {
    progress.say(`starting ${what} ${name}, which was off`);
    await how();
    started.push(name);
  };

  // One that does not answer is the preview's to name, with the setting that it is from.
  for (const { uri } of place.hypervisors.filter((each) => answers(each.uri))) {
    for (const name of await off(uri, "network", "net-list", "--inactive"))
      await start("network", name, () => virsh(uri, ["net-start", name]));
    for (const name of await off(uri, "pool", "pool-list", "--inactive"))
      await start("pool", name, () => virsh(uri, ["pool-start", name]));
    for (const name of await off(uri, "domain", "list", "--state-shutoff"))
      await start("machine", name, () => virsh(uri, ["start", name]));
  }
  for (const name of await off(containerUri, "container", "list", "--state-shutoff"))
    await start("machine", name, () => startContainer(join(place.pool, name), progress));
  return started.length === 0 ? "none to start" : `started ${started.join(", ")}`;
}

/** The machine's folder holds what it was made of (components/container-domain.ts). */
async function startContainer(folder: string, progress: Progress): Promise<void> {
  const { stdout: spec } = await run(...asRoot("cat", [join(folder, "machine.json")]));
  await onContainer("start", spec, progress.log);
}
