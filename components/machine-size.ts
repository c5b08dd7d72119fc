/** How large a machine is. */
export interface MachineSize {
  /** MiB for each machine. Default: 1280. */
  readonly memory: number;
  /** Virtual processors of each machine. Default: 1. */
  readonly vcpus: number;
  /** MiB; taken as it fills. A container machine's data is a folder, and not limited. Default: 4096. */
  readonly dataDisk: number;
}

/** MiB: a machine boots with 512, but runs no cluster: etcd, Docker and a database need the rest. */
const leastMemory = 768;
/** MiB: PostgreSQL, etcd and the containers' images. */
const leastDataDisk = 2048;

export const sizeFields = ["memory", "vcpus", "dataDisk"] as const;

/** What each field may be, and the remedy when it is not. */
const limits = {
  memory: {
    least: leastMemory,
    most: 1_048_576,
    remedy: `MiB is below what runs the cluster (${leastMemory} MiB) or no number; write 1280`,
  },
  vcpus: { least: 1, most: 64, remedy: "is no number of processors; write 1" },
  dataDisk: {
    least: leastDataDisk,
    most: 67_108_864,
    remedy: `MiB is too small for the data (${leastDataDisk} MiB) or no number; write 4096`,
  },
} as const;

/**
 * Reads the sizes of a mapping.
 * @param complain is told of each that cannot be.
 * @param fallback has what is not given.
 */
export function readSize(
  from: Readonly<Record<string, unknown>>,
  fallback: MachineSize,
  complain: (field: keyof MachineSize, value: unknown, remedy: string) => void,
): MachineSize {
  const read = (field: keyof MachineSize): number => {
    const value = from[field] ?? fallback[field];
    const { least, most, remedy } = limits[field];
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
      return value as number;
    complain(field, value, remedy);
    return fallback[field];
  };
  return { memory: read("memory"), vcpus: read("vcpus"), dataDisk: read("dataDisk") };
}
