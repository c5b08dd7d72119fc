import type { Duplex } from "node:stream";
import type { Machine, RunningCommand } from "../provider/clients/ssh";
import type { Connection } from "../provider/connection";
import { amount, saying } from "./amount";
import { write } from "./archive";
import { beginRestore, migrateRestored, swapDatabases } from "./database";
import { mediaHolders, mediaNames, removeMedia, TarNames, writeMedia } from "./media";

interface Part {
  readonly stream: string;
  readonly data: Buffer;
}

/**
 * Rows and media, in an order in which no row ever lacks its file: the backup's files are added, its rows take the place of the
 * others in one transaction, then the files that only the others had are removed.
 */
export async function restoreData(
  connection: Connection,
  leader: Machine,
  parts: AsyncIterable<Part>,
  progress: { say(text: string): void },
): Promise<string> {
  const holders = await Promise.all(
    (await mediaHolders(connection, leader)).map(async (machine) => ({
      machine,
      before: await mediaNames(connection, machine),
    })),
  );
  const kept = new Set<string>();
  let bytes = 0;
  let current: { stream: string; commands: readonly RunningCommand[]; names?: TarNames } | undefined;
  const finish = async () => {
    if (!current) return;
    const { commands, names } = current;
    for (const { channel } of commands) {
      channel.end();
      (channel as Duplex).resume();
    }
    await Promise.all(commands.map(({ finished }) => finished));
    for (const name of (await names?.end()) ?? []) kept.add(name);
    current = undefined;
  };
  const tell = saying(progress, "written");
  for await (const { stream, data } of parts) {
    if (current?.stream !== stream) {
      await finish();
      progress.say(`writing ${stream}`);
      current =
        stream === "database"
          ? { stream, commands: [await beginRestore(connection, leader)] }
          : {
              stream,
              commands: await Promise.all(holders.map(({ machine }) => writeMedia(connection, machine))),
              names: new TarNames(),
            };
    }
    await current.names?.hear(data);
    await Promise.all(
      current.commands.map(({ channel, finished }) => Promise.race([write(channel, data), finished])),
    );
    bytes += data.length;
    tell(bytes);
  }
  await finish();
  progress.say("migrating the restored rows to this version of Taiga");
  await migrateRestored(connection);
  progress.say("the restored rows take their place");
  await swapDatabases(connection, leader);
  const others = new Set<string>();
  for (const { machine, before } of holders) {
    const names = [...before].filter((name) => !kept.has(name));
    await removeMedia(connection, machine, names);
    for (const name of names) others.add(name);
  }
  return `${amount(bytes)} of rows and media are as they were; ${others.size} files that were not in the backup are gone`;
}
