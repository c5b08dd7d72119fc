import type * as dynamic from "@pulumi/pulumi/dynamic";
import { copiedImage, pushImage } from "../../images/copied";
import type { Machine } from "../clients/ssh";
import { configured } from "../configured";
import type { Connection } from "../connection";
import { unlessInterrupted } from "../interrupt";
import { waitUntil } from "../progress";
import { registryHost } from "./name";
import { forwarded } from "./tunnel";

export interface ImageInputs {
  readonly source: string;
  readonly imageId: string;
  readonly name: string;
  readonly machines: readonly Machine[];
  readonly revision: string;
}

/** Unpacking an image takes an emulated machine minutes. */
const pullSeconds = 1800;
const registryPort = Number(registryHost.split(":")[1]);

const { configure, connected } = configured("registry.Image");

export { configure };

/** Where an image came from is of no matter once it is there. */
export async function diff(_id: string, old: ImageInputs, news: ImageInputs): Promise<dynamic.DiffResult> {
  return { changes: old.name !== news.name || old.revision !== news.revision, replaces: [] };
}

export async function create(inputs: ImageInputs): Promise<dynamic.CreateResult<ImageInputs>> {
  await unlessInterrupted(spread(inputs));
  return { id: inputs.name, outs: inputs };
}

export async function update(
  _id: string,
  _old: ImageInputs,
  news: ImageInputs,
): Promise<dynamic.UpdateResult<ImageInputs>> {
  await unlessInterrupted(spread(news));
  return { outs: news };
}

/** Old images stay: they are what an update that goes back needs. */
async function remove(): Promise<void> {}

export { remove as delete };

/** A machine that is down gets the image from another one when it is back; one at least must have it. */
async function spread({ source, imageId, name, machines }: ImageInputs): Promise<void> {
  const connection = connected();
  const { ssh } = connection;
  const known = machines.map((machine) => connection.at(machine));
  const up = await Promise.all(known.map((machine) => ssh.isListening(machine)));
  const down = known.filter((_, index) => !up[index]);
  if (down.length === known.length)
    throw new Error(`${name}: no machine answers; look at them with \`virsh list --all\``);
  for (const machine of down)
    console.error(`${machine.name} does not answer: it takes ${name} from another machine when it is back`);
  const copy = await copiedImage(source, imageId);
  await Promise.all(
    known.filter((_, index) => up[index]).map((machine) => give(connection, machine, copy, name)),
  );
}

async function give({ ssh }: Connection, machine: Machine, copy: string, name: string): Promise<void> {
  const path = name.slice(registryHost.length + 1);
  // Of a machine that has just been made fleet has yet to start it.
  const registry = {
    what: `${machine.name}'s registry`,
    timeoutSeconds: 600,
    lookAt: "`fleetctl status taiga-registry`",
  };
  await waitUntil(registry, async () => {
    const { code } = await ssh.exec(machine, `curl -fs -o /dev/null -m 10 http://${registryHost}/v2/`);
    return code === 0 ? undefined : "no answer";
  });
  try {
    await forwarded(ssh, machine, registryPort, (port) => pushImage(copy, port, path));
  } catch (error) {
    throw new Error(
      `${machine.name}: ${path} could not be copied to its registry; look at \`sudo journalctl -u taiga-registry\` there\n${(error as Error).message}`,
    );
  }
  await ssh.succeed(machine, `sudo /opt/taiga/libexec/image ${name}`, { timeoutSeconds: pullSeconds });
}
