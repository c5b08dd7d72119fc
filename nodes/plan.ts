import { createHash } from "node:crypto";

/** An IPv4 network as numbers. */
export interface Cidr {
  readonly text: string;
  readonly first: number;
  readonly last: number;
  readonly prefixLength: number;
}

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
  /** The host's own address on the cluster's network. */
  readonly gateway: string;
  /** Kept free for an entry address that moves between machines. */
  readonly entry: string;
  /** The bridge's name on the host; the kernel takes 15 characters at most. */
  readonly bridge: string;
  readonly machines: readonly PlannedMachine[];
}

/** The first machine has the network's eleventh address; what is below is the host's and the entry's. */
const firstMachine = 11;

/** @throws Error when the text is no IPv4 network in CIDR notation, or has bits set beyond its prefix. */
export function parseCidr(text: string): Cidr {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const parts = match?.slice(1).map(Number) ?? [];
  const prefixLength = parts[4] ?? 33;
  if (!match || parts.slice(0, 4).some((part) => part > 255) || prefixLength > 32) {
    throw new Error(`${JSON.stringify(text)} is not an IPv4 network; write one such as "10.77.0.0/24"`);
  }
  const address = parts.slice(0, 4).reduce((sum, part) => sum * 256 + part, 0);
  const size = 2 ** (32 - prefixLength);
  const first = Math.floor(address / size) * size;
  if (first !== address) {
    throw new Error(`${text} has bits set beyond its prefix; write "${formatAddress(first)}/${prefixLength}"`);
  }
  return { text, first, last: first + size - 1, prefixLength };
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return one.first <= other.last && other.first <= one.last;
}

/**
 * Names and addresses of a cluster, from its prefix, network and size alone: static, so that nothing has to be
 * discovered and a replaced machine is found where it was.
 * @throws Error when the network has no room for the machines.
 */
export function plan({ prefix, cidr, count }: { prefix: string; cidr: string; count: number }): Plan {
  const network = parseCidr(cidr);
  const room = network.last - network.first - firstMachine;
  if (room < count) {
    const needed = 32 - Math.ceil(Math.log2(firstMachine + count + 1));
    throw new Error(
      `${cidr} is too small: the first ${firstMachine - 1} addresses are kept for the host and the entry address, ` +
        `so it has room for ${Math.max(0, room)} machines, not ${count}; write a /${needed} or larger, such as "10.77.0.0/24"`,
    );
  }
  const hash = createHash("sha256").update(prefix).digest("hex");
  return {
    prefix,
    cidr,
    prefixLength: network.prefixLength,
    gateway: formatAddress(network.first + 1),
    entry: formatAddress(network.first + 5),
    bridge: `tg${hash.slice(0, 8)}`,
    machines: Array.from({ length: count }, (_, index) => ({
      index,
      name: `${prefix}-${index + 1}`,
      address: formatAddress(network.first + firstMachine + index),
      mac: ["52:54:00", hash.slice(8, 10), hash.slice(10, 12), (index + 1).toString(16).padStart(2, "0")].join(":"),
    })),
  };
}
