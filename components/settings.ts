import { CloudConfigError, parseCloudConfig } from "../nodes/cloud-config";
import { overlaps, parseCidr, plan } from "../nodes/plan";
import { type ApplicationSettings, readApplication } from "./application-settings";

export type MachineKind = "kvm" | "emulated" | "container";

/** What a stack's configuration says, checked and with its defaults. Pure: it asks nothing of the host. */
export interface Settings {
  /** Begins every name libvirt sees. Default: project and stack, as in `taiga-dev`. */
  readonly prefix: string;
  /** @example { count: 3, kind: "auto", memory: 1280 } */
  readonly machines: MachineSettings;
  /** The cluster's network, a private CIDR of /27 or larger. Default: 10.77.0.0/24. */
  readonly network: string;
  /** The address that users know; it moves between the machines. Default: the network's sixth, as in 10.77.0.5. */
  readonly entry: string;
  /** flannel's network for containers, a CIDR that holds a /24 for each machine. Default: 10.244.0.0/16. */
  readonly containers: string;
  /** The folder that holds every volume of the stack. Default: /var/lib/taiga/PREFIX. */
  readonly pool: string;
  /** The libvirt that has network, pool and virtual machines (`libvirt:uri`). Default: qemu:///system. */
  readonly libvirt: string;
  /**
   * Cloud-config laid over the nodes' own, as YAML; the stack's file may name a file instead. Default: nothing.
   * @example "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: hello"
   */
  readonly cloudConfig?: string;
  readonly application: ApplicationSettings;
}

export interface MachineSettings {
  /** Machines, each an etcd member: 1, 3 or 5. Default: 3. */
  readonly count: number;
  /** `auto` is kvm where it works, else emulated. Default: auto. */
  readonly kind: MachineKind | "auto";
  /** MiB for each machine. Default: 1280. */
  readonly memory: number;
  /** Virtual processors of each machine. Default: 1. */
  readonly vcpus: number;
  /** MiB; taken as it fills. A container machine's data is a folder, and not limited. Default: 4096. */
  readonly dataDisk: number;
  /** What machines boot. Default: debian. */
  readonly image: "debian";
}

export interface Problem {
  /** As in the stack's file: `taiga:machines.memory`. */
  readonly field: string;
  /** The value, and what to write instead. */
  readonly message: string;
}

export interface RawSettings {
  readonly prefix: string;
  readonly machines?: unknown;
  readonly network?: string;
  readonly entry?: string;
  readonly containers?: string;
  readonly pool?: string;
  readonly libvirt?: string;
  readonly back?: unknown;
  readonly features?: unknown;
  readonly email?: unknown;
  readonly cloudConfig?: string;
}

export const defaults = {
  machines: { count: 3, kind: "auto", memory: 1280, vcpus: 1, dataDisk: 4096, image: "debian" },
  network: "10.77.0.0/24",
  containers: "10.244.0.0/16",
  libvirt: "qemu:///system",
} as const;

/** Every field of the namespace `taiga` that some part of the project reads. */
const fields = [
  ...["prefix", "machines", "network", "containers", "pool", "cloudConfig", "protectData", "credentials"],
  ...["images", "endpoints", "entry", "tls", "back", "features", "email"],
];

/** Fields that nothing reads: a typing error would otherwise pass for a setting. */
export function unknownFields(keys: readonly string[]): Problem[] {
  return keys
    .filter((key) => key.startsWith("taiga:") && !fields.includes(key.slice("taiga:".length)))
    .map((field) => ({ field, message: `is no known field; write one of ${fields.join(", ")}` }));
}

const kinds = ["auto", "kvm", "emulated", "container"] as const;
const images = ["debian"] as const;
/** MiB: 512 boots, but etcd, Docker and a database need the rest. */
const leastMemory = 768;
/** MiB: PostgreSQL, etcd and the containers' images. */
const leastDataDisk = 2048;

/** Checks every field and goes on to the next; what is wrong comes back as problems, what is doubtful as warnings. */
export function readSettings(raw: RawSettings): {
  settings: Settings;
  problems: Problem[];
  warnings: Problem[];
} {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const complain = (field: string, value: unknown, remedy: string) =>
    problems.push({ field: `taiga:${field}`, message: `${JSON.stringify(value)} ${remedy}` });

  const given = (raw.machines ?? {}) as Record<string, unknown>;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    complain("machines", given, "is no mapping; write one such as { count: 3, kind: auto }");
  }
  for (const key of Object.keys(given).filter((name) => !(name in defaults.machines))) {
    complain(
      `machines.${key}`,
      given[key],
      `is for no known field; write one of ${Object.keys(defaults.machines).join(", ")}`,
    );
  }
  const whole = (
    field: "count" | "memory" | "vcpus" | "dataDisk",
    least: number,
    most: number,
    instead: string,
  ): number => {
    const value = given[field] ?? defaults.machines[field];
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
      return value as number;
    complain(`machines.${field}`, value, instead);
    return defaults.machines[field];
  };
  const choice = <const T extends string>(field: "kind" | "image", known: readonly T[], fallback: T): T => {
    const value = given[field] ?? fallback;
    if (known.includes(value as T)) return value as T;
    complain(`machines.${field}`, value, `is not known; write one of ${known.join(", ")}`);
    return fallback;
  };
  const machines: MachineSettings = {
    count: whole("count", 1, 5, "is no number of members; write 1, 3 or 5"),
    kind: choice("kind", kinds, "auto"),
    memory: whole(
      "memory",
      leastMemory,
      1_048_576,
      `MiB is below what boots (${leastMemory} MiB); write 1280`,
    ),
    vcpus: whole("vcpus", 1, 64, "is no number of processors; write 1"),
    dataDisk: whole(
      "dataDisk",
      leastDataDisk,
      67_108_864,
      `MiB is too small for the data (${leastDataDisk} MiB); write 4096`,
    ),
    image: choice("image", images, "debian"),
  };
  if (machines.count % 2 === 0) {
    warnings.push({
      field: "taiga:machines.count",
      message: `${machines.count} is even: it survives no more losses than ${machines.count - 1}; write ${machines.count - 1} or ${machines.count + 1}`,
    });
  }
  const attempt = <T>(field: string, action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      for (const line of (error as Error).message.split("\n"))
        problems.push({ field: `taiga:${field}`, message: line });
      return undefined;
    }
  };
  const network = raw.network ?? defaults.network;
  const containers = raw.containers ?? defaults.containers;
  const place = { prefix: raw.prefix, cidr: network, count: machines.count };
  const planned = attempt("network", () => plan(place));
  const entry = raw.entry;
  if (planned && entry !== undefined) attempt("entry", () => plan({ ...place, entry }));
  const application = readApplication(raw, machines.count, complain);
  const inner = attempt("containers", () => parseCidr(containers));
  const outer = problems.some(({ field }) => field === "taiga:network") ? undefined : parseCidr(network);
  if (inner && inner.prefixLength > 21)
    complain("containers", containers, "has no room for a /24 for each machine; write a /16");
  if (inner && outer && overlaps(inner, outer)) {
    complain(
      "containers",
      containers,
      `overlaps taiga:network ${network}; write another, such as "${defaults.containers}"`,
    );
  }
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(raw.prefix)) {
    complain(
      "prefix",
      raw.prefix,
      "cannot name machines; write lower-case letters, digits and hyphens, such as taiga-dev",
    );
  }
  const pool = raw.pool ?? `/var/lib/taiga/${raw.prefix}`;
  if (!pool.startsWith("/"))
    complain("pool", pool, `is not absolute; write a folder such as /var/lib/taiga/${raw.prefix}`);
  const { cloudConfig } = raw;
  if (cloudConfig) {
    try {
      parseCloudConfig(cloudConfig);
    } catch (error) {
      if (!(error instanceof CloudConfigError)) throw error;
      for (const problem of error.problems) {
        problems.push({
          field: `taiga:cloudConfig${problem.path && ` ${problem.path}`}`,
          message: problem.message,
        });
      }
    }
  }
  return {
    settings: {
      prefix: raw.prefix,
      machines,
      network,
      entry: entry ?? planned?.entry ?? "",
      containers,
      pool,
      libvirt: raw.libvirt ?? defaults.libvirt,
      ...(cloudConfig ? { cloudConfig } : {}),
      application,
    },
    problems,
    warnings,
  };
}
