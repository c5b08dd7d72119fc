import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Cidr, formatAddress, overlaps, parseCidr } from "../nodes/cidr";

/** A network this host has an address in, or a route to. */
export interface HostNetwork extends Cidr {
  readonly interface: string;
}

/** The IPv4 networks this host knows: those of its interfaces, and those it is told the way to. */
export function hostNetworks(): HostNetwork[] {
  const known = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).flatMap(({ family, cidr }) => (family === "IPv4" && cidr ? [around(name, cidr)] : [])),
  );
  for (const route of parseRoutes(readRoutes())) {
    if (!known.some((each) => each.interface === route.interface && each.text === route.text))
      known.push(route);
  }
  return known;
}

/** The private /24 networks a stack may be put in, in the order they are tried. */
function* candidates(): Generator<string> {
  for (let third = 77; third < 250; third += 1) yield `10.${third}.0.0/24`;
  for (let second = 16; second < 32; second += 1) yield `172.${second}.77.0/24`;
  for (let third = 77; third < 250; third += 1) yield `192.168.${third}.0/24`;
}

/** The first private /24 network that overlaps none of those given; undefined where every one is taken. */
export function freeNetwork(taken: readonly Cidr[]): string | undefined {
  for (const text of candidates()) {
    const wanted = parseCidr(text);
    if (!taken.some((other) => overlaps(wanted, other))) return text;
  }
  return undefined;
}

/** Without /proc there are no routes to be had, and the interfaces must do. */
function readRoutes(): string {
  try {
    return readFileSync("/proc/net/route", "utf8");
  } catch {
    return "";
  }
}

/** The network an interface's address lies in: "192.0.2.2/24" is in 192.0.2.0/24. */
function around(name: string, cidr: string): HostNetwork {
  const [address = "", length] = cidr.split("/");
  return network(
    name,
    address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0),
    Number(length),
  );
}

/**
 * Reads /proc/net/route: addresses are hexadecimal, their bytes in reverse (proc_net(5)). Default routes are left out, since
 * every network overlaps them.
 */
export function parseRoutes(text: string): HostNetwork[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , , , , , mask] = line.trim().split(/\s+/);
      if (!name || !destination || !mask || mask === "00000000") return [];
      const prefixLength = reversed(mask).toString(2).replaceAll("0", "").length;
      return [network(name, reversed(destination), prefixLength)];
    });
}

const reversed = (hex: string): number => Buffer.from(hex, "hex").readUInt32LE();

function network(name: string, address: number, prefixLength: number): HostNetwork {
  const size = 2 ** (32 - prefixLength);
  const first = address - (address % size);
  return {
    interface: name,
    text: `${formatAddress(first)}/${prefixLength}`,
    first,
    last: first + size - 1,
    prefixLength,
  };
}
