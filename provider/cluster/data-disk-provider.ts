import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { failures } from "../failures";
import { waitUntil } from "../progress";
import { isKnown } from "../unknown";

export interface DataDiskInputs {
  readonly name: string;
  readonly address: string;
  readonly libvirt: string;
  readonly pool: string;
  readonly volume: string;
  /** MiB. */
  readonly size: number;
}

const mebibyte = 1024 * 1024;
/** Seconds until a machine sees its disk's new size and its file system has it; emulated ones take some. */
const patience = 180;

const { configure, connected } = configured("cluster.DataDisk");

export { configure };

/** A disk is not to be smaller than it is. */
export async function check(
  old: Partial<DataDiskInputs>,
  news: DataDiskInputs,
): Promise<dynamic.CheckResult<DataDiskInputs>> {
  const isSame = isKnown(news.volume) && news.volume === old.volume && news.pool === old.pool;
  const shrinks = isSame && old.size !== undefined && news.size < old.size;
  return {
    inputs: news,
    failures: failures({
      size: shrinks
        ? `taiga:machines.dataDisk (or its pool's): ${news.size} MiB is less than the ${old.size} MiB that ${news.name}'s data disk has; ` +
          `write ${old.size} or more: a file system that is used does not shrink`
        : undefined,
    }),
  };
}

export async function diff(
  _id: string,
  old: DataDiskInputs,
  news: DataDiskInputs,
): Promise<dynamic.DiffResult> {
  return {
    changes: (["name", "address", "libvirt", "pool", "volume", "size"] as const).some(
      (field) => old[field] !== news[field],
    ),
    replaces: [],
  };
}

export async function create(inputs: DataDiskInputs): Promise<dynamic.CreateResult<DataDiskInputs>> {
  await grow(inputs);
  return { id: inputs.name, outs: inputs };
}

export async function update(
  _id: string,
  _old: DataDiskInputs,
  news: DataDiskInputs,
): Promise<dynamic.UpdateResult<DataDiskInputs>> {
  await grow(news);
  return { outs: news };
}

/** A volume that is gone has no size to be kept. */
export async function read(
  id: string,
  props?: DataDiskInputs,
): Promise<dynamic.ReadResult<Partial<DataDiskInputs>>> {
  if (!props) return {};
  const bytes = await capacity(props).catch((error: Error) => {
    if (/Storage (volume|pool) not found/.test(error.message)) return undefined;
    throw error;
  });
  return bytes === undefined ? {} : { id, props: { ...props, size: Math.floor(bytes / mebibyte) } };
}

async function remove(): Promise<void> {}

export { remove as delete };

/** May be repeated from wherever it was cut off. */
async function grow(disk: DataDiskInputs): Promise<void> {
  const { name, address, libvirt, pool, volume, size } = disk;
  if (size * mebibyte > (await capacity(disk))) {
    const path = (await virsh(libvirt, "vol-path", "--pool", pool, volume)).trim();
    await virsh(libvirt, "blockresize", name, path, `${size}MiB`).catch((error: Error) => {
      throw new Error(
        `${name}: taiga:machines.dataDisk (or its pool's): ${size} MiB: its disk does not grow: ${error.message}; the machine must run ` +
          `(virsh -c ${libvirt} start ${name}) and the pool have room (df), then pulumi up goes on`,
      );
    });
  }
  const connection = connected();
  const machine = connection.at({ name, address });
  const inside =
    `sudo sh -c 'disk=$(findmnt -no SOURCE /var/lib/data) && [ $(blockdev --getsize64 "$disk") -ge ${size * mebibyte} ] && ` +
    `resize2fs "$disk" 2>&1'`;
  await waitUntil(
    {
      what: `${name}: its data disk to be ${size} MiB`,
      timeoutSeconds: patience,
      lookAt: `npm run ssh -- ${name} lsblk`,
    },
    async () => {
      const { code, stdout, stderr } = await connection.ssh.exec(machine, inside, { timeoutSeconds: 120 });
      return code === 0 ? undefined : `${stdout}${stderr}`.trim() || "the machine does not see it yet";
    },
  );
}

/** Bytes. */
async function capacity({ libvirt, pool, volume }: DataDiskInputs): Promise<number> {
  const told = await virsh(libvirt, "vol-info", "--bytes", "--pool", pool, volume);
  const [, bytes] = /^Capacity:\s+(\d+)/m.exec(told) ?? [];
  if (bytes === undefined) throw new Error(`virsh vol-info says no capacity: ${told.trim()}`);
  return Number(bytes);
}

/** @throws Error with what virsh said. */
async function virsh(uri: string, ...args: string[]): Promise<string> {
  try {
    const env = { ...process.env, LC_ALL: "C" };
    return (await promisify(execFile)("virsh", ["-q", "-c", uri, ...args], { env })).stdout;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new Error(`virsh -c ${uri} ${args.join(" ")}: ${said}`);
  }
}
