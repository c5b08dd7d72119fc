import { createHash } from "node:crypto";
import { type Cidr, formatAddress, parseCidr } from "./cidr";

export { type Cidr, formatAddress, overlaps, parseCidr } from "./cidr";

export interface PlannedMachine {
  /** From 0; the machine's name and fleet metadata count from 1. */
  readonly index: number;
  /** Domain, host name, etcd member: one name everywhere. */
  readonly name: string;
  readonly address: string;
  readonly mac: string;
}

export interface Plan {
  readonly prefix: string;
  readonly cidr: string;
  readonly prefixLength: number;
  readonly netmask: string;
  /** The host's own address on the cluster's network. */
  readonly gateway: string;
  /** The address that users know: it moves between the machines, with a gateway that answers. */
  readonly entry: string;
  /** The bridge's name on the host; the kernel takes 15 characters at most. */
  readonly bridge: string;
  readonly machines: readonly PlannedMachine[];
}

/** The first machine has the network's eleventh address; what is below is the host's and the entry's. */
const firstMachine = 11;
/** A smaller network would have no room to grow. */
const longestPrefix = 27;
/** The last byte of a MAC tells the machines apart; fleet and etcd would not be content with as many anyway. */
const mostMachines = 200;
/** A host name's label has 63 characters at most (RFC 1035); the index takes four of them. */
const prefixPattern = /^[a-z]([a-z0-9-]{0,57}[a-z0-9])?$/;

export interface PlanArgs {
  readonly prefix: string;
  readonly cidr: string;
  /** Machines, numbered from 1. */
  readonly count: number;
  /** The machines' numbers where they have gaps, as those of several pools may; `count` is then the highest. */
  readonly numbers?: readonly number[];
  /** Another entry address than the network's sixth. */
  readonly entry?: string;
}

/**
 * Names and addresses of a cluster, from its prefix, network and size alone: static, so that nothing has to be
 * discovered and a replaced machine is found where it was.
 * @throws Error when the network has no room for the machines, the prefix cannot begin a host name, or the entry address
 * is not free.
 */
export function plan({ prefix, cidr, count, numbers, entry }: PlanArgs): Plan {
  if (!prefixPattern.test(prefix)) {
    const better =
      prefix
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^[^a-z]+|-+$/g, "")
        .slice(0, 50) || "taiga";
    throw new Error(`${JSON.stringify(prefix)} cannot begin the machines' host names; write "${better}"`);
  }
  if (!Number.isInteger(count) || count < 1 || count > mostMachines) {
    throw new Error(`${count} is no number of machines; write a whole number from 1 to ${mostMachines}`);
  }
  const network = parseCidr(cidr);
  const room = Math.max(0, network.last - network.first - firstMachine);
  if (room < count || network.prefixLength > longestPrefix) {
    const needed = Math.min(longestPrefix, 32 - Math.ceil(Math.log2(firstMachine + count + 1)));
    const larger = formatAddress(network.first - (network.first % 2 ** (32 - needed)));
    throw new Error(
      `${cidr} is too small: its first ${firstMachine - 1} addresses are kept for the host and the entry, which leaves ` +
        `${room} for ${count} machines; write a /${needed} or larger, such as "${larger}/${needed}"`,
    );
  }
  const usual = formatAddress(network.first + 5);
  const hash = createHash("sha256").update(prefix).digest("hex");
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  return {
    prefix,
    cidr,
    prefixLength: network.prefixLength,
    netmask: formatAddress(2 ** 32 - 2 ** (32 - network.prefixLength)),
    gateway: formatAddress(network.first + 1),
    entry: entry === undefined ? usual : checkedEntry(entry, network, count, usual),
    bridge: `tg${hash.slice(0, 8)}`,
    machines: (numbers ?? Array.from({ length: count }, (_, index) => index + 1)).map((number) => ({
      index: number - 1,
      name: `${prefix}-${number}`,
      address: formatAddress(network.first + firstMachine + number - 1),
      mac: `52:54:00:${hash.slice(8, 10)}:${hash.slice(10, 12)}:${hex(number)}`, // QEMU's own prefix
    })),
  };
}

/** An entry address must be in the network and nobody's: not the host's, not a machine's. */
function checkedEntry(entry: string, network: Cidr, count: number, usual: string): string {
  const refuse = (why: string): never => {
    throw new Error(
      `${JSON.stringify(entry)} ${why}; write a free address of ${network.text}, such as "${usual}"`,
    );
  };
  let address: number;
  try {
    address = parseCidr(`${entry}/32`).first;
  } catch {
    return refuse("is no IPv4 address");
  }
  if (address <= network.first || address >= network.last)
    return refuse(`is no host's address in ${network.text}`);
  if (address === network.first + 1) return refuse("is the host's own");
  const machine = address - network.first - firstMachine;
  if (machine >= 0 && machine < count) return refuse(`is machine ${machine + 1}'s`);
  return entry;
}
