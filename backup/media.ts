import { extract } from "tar-stream";
import type { Machine, RunningCommand } from "../provider/clients/ssh";
import type { Connection } from "../provider/connection";

/** The tree of everything that was uploaded, on a machine; whose storage is not there has an empty folder in its place. */
const folder = "/run/taiga/media/tree";
const mounted = `sudo mountpoint -q ${folder} || { echo 'the media are not mounted: systemctl status taiga-media-mount' >&2; exit 1; }`;

/** The machines whose trees are to be read and written: any one's is everybody's, or each has media of its own (taiga:services core). */
export async function mediaHolders(connection: Connection, leader: Machine): Promise<readonly Machine[]> {
  const members = await connection.etcd.run((etcd) => etcd.get("/taiga/config/media/members").string());
  return members === "none" ? connection.machines : [leader];
}

/** The backup's stream with a holder's media: an archive knows streams by words without digits. @param index of the holder, from 0. */
export const mediaStream = (name: "media" | "media-since", index: number): string =>
  name + "-more".repeat(index);

/** Clocks of those who write the tree may differ by this much. Seconds. */
const skew = 60;

/** What the machine's clock says, in seconds since 1970. */
export const clock = async (connection: Connection, machine: Machine): Promise<number> =>
  Number(await connection.ssh.succeed(machine, "date +%s"));

/** The tree as a tar; with `since`, only what came or changed after that time. A file that goes meanwhile is left out. */
export function readMedia(connection: Connection, machine: Machine, since?: number): Promise<RunningCommand> {
  const newer = since === undefined ? "" : `--newer=@${since - skew}`;
  const tar = `tar -C ${folder} --warning=no-file-changed --warning=no-file-removed ${newer} -cf - .`;
  // 1: some file was changed while it was read; the second pass has it.
  return connection.ssh.start(machine, `${mounted}; sudo ${tar}; [ $? -le 1 ]`);
}

/** Adds a tar's files to the tree, in the place of those of the same names. */
export const writeMedia = (connection: Connection, machine: Machine): Promise<RunningCommand> =>
  connection.ssh.start(machine, `${mounted}; sudo tar -C ${folder} --numeric-owner -xpf -`);

/** Every file of the tree, as tar names it: ./a/b */
export async function mediaNames(connection: Connection, machine: Machine): Promise<Set<string>> {
  const listed = await connection.ssh.start(
    machine,
    `${mounted}; cd / && sudo sh -c 'cd ${folder} && exec find . ! -type d -print0'`,
  );
  const names: Buffer[] = [];
  for await (const chunk of listed.channel) names.push(chunk as Buffer);
  await listed.finished;
  return new Set(Buffer.concat(names).toString().split("\0").filter(Boolean));
}

export async function removeMedia(
  connection: Connection,
  machine: Machine,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  await connection.ssh.succeed(machine, `sudo sh -c 'cd ${folder} && exec xargs -0 rm -f --'`, {
    input: `${names.join("\0")}\0`,
    timeoutSeconds: 600,
  });
}

/** Hears a tar as it goes by, and gathers its files' names. */
export class TarNames {
  readonly names = new Set<string>();
  readonly #entries = extract();
  readonly #ended: Promise<void>;

  constructor() {
    this.#entries.on("entry", ({ name, type }, content, next) => {
      if (type !== "directory") this.names.add(name);
      content.once("end", () => next(null)).resume();
    });
    this.#ended = new Promise((done, fail) => this.#entries.once("finish", done).once("error", fail));
    this.#ended.catch(() => {});
  }

  hear(part: Buffer): Promise<void> {
    return new Promise((done) => {
      if (this.#entries.write(part)) done();
      else this.#entries.once("drain", done);
    });
  }

  async end(): Promise<Set<string>> {
    this.#entries.end(Buffer.alloc(0));
    await this.#ended;
    return this.names;
  }
}
