/** An IPv4 network, its first and last address as numbers. */
export interface Cidr {
  readonly text: string;
  readonly first: number;
  readonly last: number;
  readonly prefixLength: number;
}

const octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"; // no leading zero: some programs read it as octal
const cidr = new RegExp(`^${[octet, octet, octet, octet].join("\\.")}/(3[0-2]|[12]?\\d)$`);

/** @throws Error when the text is no IPv4 network in CIDR notation, or has bits set beyond its prefix. */
export function parseCidr(text: string): Cidr {
  const match = cidr.exec(text);
  if (!match)
    throw new Error(`${JSON.stringify(text)} is not an IPv4 network; write one such as "10.77.0.0/24"`);
  const [a = 0, b = 0, c = 0, d = 0, prefixLength = 0] = match.slice(1).map(Number);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - prefixLength);
  const first = address - (address % size);
  if (first !== address) {
    throw new Error(
      `${text} has bits set beyond its prefix; write "${formatAddress(first)}/${prefixLength}"`,
    );
  }
  return { text, first, last: first + size - 1, prefixLength };
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** Whether two networks have an address in common. */
export function overlaps(one: Cidr | string, other: Cidr | string): boolean {
  const [a, b] = [one, other].map((each) => (typeof each === "string" ? parseCidr(each) : each)) as [
    Cidr,
    Cidr,
  ];
  return a.first <= b.last && b.first <= a.last;
}

/** What no machine can have as its network, and why. */
const unusable = [
  ["0.0.0.0/8", "which names no host"],
  ["127.0.0.0/8", "which each machine has for itself"],
  ["169.254.0.0/16", "which no router passes on"],
  ["224.0.0.0/3", "which is for multicast or reserved"],
] as const;

/**
 * Checks that machines can have addresses of a network; a public one may be theirs.
 * @param example what to write instead
 * @throws Error when they cannot.
 */
export function checkUsable(network: Cidr, example: string): void {
  const [block, why] = unusable.find(([each]) => overlaps(network, each)) ?? [];
  if (block)
    throw new Error(
      `${JSON.stringify(network.text)} overlaps ${block}, ${why}; write another, such as "${example}"`,
    );
}
