import { CloudConfigError } from "../nodes/cloud-config";
import { exampleValues } from "../nodes/placeholders";
import { renderNode } from "../nodes/render";
import { type ApplicationSettings, readApplication } from "./application-settings";
import { type Hypervisor, readHypervisors } from "./hypervisors";
import { type Link, readLink } from "./link";
import { checkKind, type MachineSettings, machineDefaults, readMachines } from "./machine-settings";
import { networkDefaults, readNetworks } from "./network-settings";
import { type NodePool, placements, readPools } from "./node-pools";
import type { Complain, Problem } from "./problem";

/** What a stack's configuration says, checked and with its defaults. Pure: it asks nothing of the host. */
export interface Settings {
  /** Begins every name libvirt sees. Default: project and stack, as in `taiga-dev`. */
  readonly prefix: string;
  /** @example { count: 3, kind: "auto", memory: 1280 } */
  readonly machines: MachineSettings;
  /** The cluster's network, a CIDR of /27 or larger that machines can have. Default: 10.77.0.0/24. */
  readonly network: string;
  /** The address that users know; it moves between the machines. Default: the network's sixth, as in 10.77.0.5. */
  readonly entry: string;
  /** flannel's network for containers, such a CIDR too, with a /24 for each machine. Default: 10.244.0.0/16. */
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
  readonly database?: unknown;
  readonly features?: unknown;
  readonly email?: unknown;
  readonly admin?: unknown;
  readonly cloudConfig?: string;
}

export const defaults = {
  machines: machineDefaults,
  ...networkDefaults,
  libvirt: "qemu:///system",
} as const;

/** Every field of the namespace `taiga` that some part of the project reads. */
const fields = [
  ...["prefix", "machines", "network", "containers", "pool", "cloudConfig", "protectData", "credentials"],
  ...["hypervisors", "pools", "link", "production", "images", "endpoints"],
  ...["entry", "tls", "services", "back", "database", "features", "email", "admin"],
];

/** Fields that nothing reads: a typing error would otherwise pass for a setting. */
export function unknownFields(keys: readonly string[]): Problem[] {
  return keys
    .filter((key) => key.startsWith("taiga:") && !fields.includes(key.slice("taiga:".length)))
    .map((field) => ({ field, message: `is no known field; write one of ${fields.join(", ")}` }));
}

/** Checks every field and goes on to the next; what is wrong comes back as problems, what is doubtful as warnings. */
export function readSettings(raw: RawSettings): {
  settings: Settings;
  problems: Problem[];
  warnings: Problem[];
} {
  const problems: Problem[] = [];
  const complain: Complain = (field, value, remedy) =>
    problems.push({ field: `taiga:${field}`, message: `${JSON.stringify(value)} ${remedy}` });

  const machines = readMachines(raw.machines, complain, problems);
  const hypervisors = readHypervisors(raw.hypervisors, raw.libvirt ?? defaults.libvirt, problems);
  const pools = readPools(raw.pools, machines, hypervisors, problems);
  const placed = placements(pools);
  const used = [...new Set(placed.map(({ hypervisor }) => hypervisor))];
  const isPooled = pools.some(({ name }) => name !== undefined);
  // The schema's default comes as if it were written.
  if (isPooled && machines.count !== machineDefaults.count)
    complain("machines.count", machines.count, "stands beside taiga:pools, whose counts hold; take it out");
  checkKind(machines.kind, hypervisors, used, complain);
  const highest = Math.max(...placed.map(({ number }) => number));
  const { isSound, ...networks } = readNetworks(raw, highest, complain, problems);
  const application = readApplication(raw, placed.length, complain);
  const link = readLink(raw.link, { ...(isSound ? { network: networks.network } : {}), used }, problems);
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
  problems.push(...cloudConfigProblems(cloudConfig));
  return {
    settings: {
      prefix: raw.prefix,
      machines,
      ...networks,
      pool,
      hypervisors,
      pools,
      link,
      production: raw.production ?? false,
      ...(cloudConfig ? { cloudConfig } : {}),
      application,
    },
    problems,
    warnings: evenWarnings(placed.length, isPooled ? "taiga:pools" : "taiga:machines.count"),
  };
}

/** An even number of members makes quorums larger, and survives nothing more. */
const evenWarnings = (members: number, field: string): Problem[] =>
  members % 2 !== 0
    ? []
    : [
        {
          field,
          message: `${members} is even: such a cluster survives the loss of ${members / 2 - 1}, as one of ${members - 1} does; write ${members - 1} or ${members + 1}`,
        },
      ];

/** Told of the file and the path in it, by what renders a node. */
function cloudConfigProblems(cloudConfig: string | undefined): Problem[] {
  try {
    renderNode(exampleValues, cloudConfig ? { cloudConfig } : {});
    return [];
  } catch (error) {
    if (!(error instanceof CloudConfigError)) throw error;
    const { source } = error;
    return error.problems.map(({ path, message }) => ({ field: `${source}${path && ` ${path}`}`, message }));
  }
}
