import type { ImageChoice } from "../images/catalogue";
import { CloudConfigError } from "../nodes/cloud-config";
import { exampleValues } from "../nodes/placeholders";
import { overlaps, parseCidr, plan } from "../nodes/plan";
import { renderNode } from "../nodes/render";
import { type ApplicationSettings, readApplication } from "./application-settings";
import { type Hypervisor, isLocal, isThisHosts, readHypervisors } from "./hypervisors";
import { readImage } from "./image";
import { type Link, readLink } from "./link";
import { type MachineSize, readSize } from "./machine-size";
import { type NodePool, placements, readPools } from "./node-pools";

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
  /** Where the machines are: those of `taiga:hypervisors`, else the one libvirt of `libvirt:uri`. At least one. */
  readonly hypervisors: readonly Hypervisor[];
  /** At least one; a stack without `taiga:pools` has one, without a name. */
  readonly pools: readonly NodePool[];
  /** How machines and users are joined. Default: a NAT network of libvirt's own. */
  readonly link: Link;
  /** Whether the preview refuses what production must not do (components/production.ts). Default: false. */
  readonly production: boolean;
  /**
   * Cloud-config laid over the nodes' own, as YAML; the stack's file may name a file instead. Default: nothing.
   * @example "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: hello"
   */
  readonly cloudConfig?: string;
  readonly application: ApplicationSettings;
}

/** What all machines have, unless their pool says otherwise. */
export interface MachineSettings extends MachineSize {
  /** Machines, each an etcd member: 1, 3 or 5; for a stack without pools. Default: 3. */
  readonly count: number;
  /** `auto` is kvm where it works, else emulated. Default: auto. */
  readonly kind: MachineKind | "auto";
  /** What machines boot: debian, flatcar, fcos, or one of these with version, source and checksum. Default: debian. */
  readonly image: ImageChoice;
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
  /** The URI of the only hypervisor, where none are listed. */
  readonly libvirt?: string;
  readonly hypervisors?: unknown;
  readonly pools?: unknown;
  readonly link?: unknown;
  readonly production?: boolean;
  readonly services?: string;
  readonly back?: unknown;
  readonly images?: unknown;
  readonly features?: unknown;
  readonly email?: unknown;
  readonly admin?: unknown;
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
  ...["hypervisors", "pools", "link", "production", "images", "endpoints"],
  ...["entry", "tls", "services", "back", "features", "email", "admin"],
];

/** Fields that nothing reads: a typing error would otherwise pass for a setting. */
export function unknownFields(keys: readonly string[]): Problem[] {
  return keys
    .filter((key) => key.startsWith("taiga:") && !fields.includes(key.slice("taiga:".length)))
    .map((field) => ({ field, message: `is no known field; write one of ${fields.join(", ")}` }));
}

const kinds = ["auto", "kvm", "emulated", "container"] as const;
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
  for (const key of Object.keys(given).filter((name) => !Object.hasOwn(defaults.machines, name))) {
    complain(
      `machines.${key}`,
      given[key],
      `is for no known field; write one of ${Object.keys(defaults.machines).join(", ")}`,
    );
  }
  const kind = (): MachineSettings["kind"] => {
    const value = given.kind ?? defaults.machines.kind;
    if (kinds.includes(value as (typeof kinds)[number])) return value as MachineSettings["kind"];
    complain("machines.kind", value, `is not known; write one of ${kinds.join(", ")}`);
    return defaults.machines.kind;
  };
  const count = (): number => {
    const value = given.count ?? defaults.machines.count;
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 5) return value as number;
    complain("machines.count", value, "is no number of members; write 1, 3 or 5");
    return defaults.machines.count;
  };
  const machines: MachineSettings = {
    count: count(),
    kind: kind(),
    ...readSize(given, defaults.machines, (field, value, remedy) =>
      complain(`machines.${field}`, value, remedy),
    ),
    image: readImage(given.image, problems),
  };
  if (machines.kind === "container" && machines.image.name !== "debian")
    complain("machines.image", machines.image.name, "is for virtual machines; write debian, or kind: kvm");
  const listed: Problem[] = [];
  const hypervisors = readHypervisors(raw.hypervisors, raw.libvirt ?? defaults.libvirt, listed);
  const pools = readPools(raw.pools, machines, hypervisors, listed);
  const placed = placements(pools);
  const used = [...new Set(placed.map(({ hypervisor }) => hypervisor))];
  problems.push(...listed);
  // The schema's default comes as if it were written.
  const extraCount = given.count !== undefined && given.count !== defaults.machines.count;
  if (extraCount && pools.some(({ name }) => name !== undefined))
    complain("machines.count", given.count, "stands beside taiga:pools, whose counts hold; take it out");
  for (const { name, uri } of hypervisors.filter((each) => !isLocal(each.uri))) {
    if (machines.kind === "auto" || machines.kind === "container")
      complain(
        "machines.kind",
        machines.kind,
        `is for this host alone, and ${name} is ${uri}; write kvm or emulated`,
      );
  }
  const elsewhere = hypervisors.find(
    ({ name, uri }) => used.includes(name) && isLocal(uri) && !isThisHosts(uri),
  );
  if (machines.kind === "container" && elsewhere)
    complain(
      "machines.kind",
      machines.kind,
      `is for this host's own libvirt alone, and ${elsewhere.name} is ${elsewhere.uri}; write kvm or emulated`,
    );
  const members = placed.length;
  if (members % 2 === 0) {
    warnings.push({
      field: pools.some(({ name }) => name !== undefined) ? "taiga:pools" : "taiga:machines.count",
      message: `${members} is even: such a cluster survives the loss of ${members / 2 - 1}, as one of ${members - 1} does; write ${members - 1} or ${members + 1}`,
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
  const highest = Math.max(...placed.map(({ number }) => number));
  const place = { prefix: raw.prefix, cidr: network, count: highest };
  const planned = attempt("network", () => plan(place));
  const { entry } = raw;
  if (planned && entry !== undefined) attempt("entry", () => plan({ ...place, entry }));
  const application = readApplication(raw, members, complain);
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
  const link = readLink(raw.link, { ...(outer ? { network } : {}), used }, problems);
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
  try {
    renderNode(exampleValues, cloudConfig ? { cloudConfig } : {});
  } catch (error) {
    if (!(error instanceof CloudConfigError)) throw error;
    for (const { path, message } of error.problems)
      problems.push({ field: `${error.source}${path && ` ${path}`}`, message });
  }
  return {
    settings: {
      prefix: raw.prefix,
      machines,
      network,
      entry: entry ?? planned?.entry ?? "",
      containers,
      pool,
      hypervisors,
      pools,
      link,
      production: raw.production ?? false,
      ...(cloudConfig ? { cloudConfig } : {}),
      application,
    },
    problems,
    warnings,
  };
}
