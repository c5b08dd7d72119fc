import { checkUsable } from "../nodes/cidr";
import { overlaps, parseCidr, plan } from "../nodes/plan";
import type { Complain, Problem } from "./problem";

export const networkDefaults = { network: "10.77.0.0/24", containers: "10.244.0.0/16" } as const;

interface RawNetworks {
  readonly prefix: string;
  readonly network?: string;
  readonly entry?: string;
  readonly containers?: string;
}

export interface Networks {
  readonly network: string;
  readonly entry: string;
  readonly containers: string;
  /** Whether `network` is one that the machines fit in. */
  readonly isSound: boolean;
}

/**
 * Reads `taiga:network`, `taiga:entry` and `taiga:containers`.
 * @param highest of the machines' numbers, each of which has an address
 */
export function readNetworks(
  raw: RawNetworks,
  highest: number,
  complain: Complain,
  problems: Problem[],
): Networks {
  const attempt = <T>(field: string, action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      for (const line of (error as Error).message.split("\n"))
        problems.push({ field: `taiga:${field}`, message: line });
      return undefined;
    }
  };
  const { network = networkDefaults.network, containers = networkDefaults.containers, entry } = raw;
  const place = { prefix: raw.prefix, cidr: network, count: highest };
  const usable = (text: string, example: string) => {
    const read = parseCidr(text);
    checkUsable(read, example);
    return read;
  };
  const planned = attempt("network", () => {
    usable(network, networkDefaults.network);
    return plan(place);
  });
  if (planned && entry !== undefined) attempt("entry", () => plan({ ...place, entry }));
  const inner = attempt("containers", () => usable(containers, networkDefaults.containers));
  if (inner && inner.prefixLength > 21)
    complain("containers", containers, "has no room for a /24 for each machine; write a /16");
  if (inner && planned && overlaps(inner, parseCidr(network))) {
    complain(
      "containers",
      containers,
      `overlaps taiga:network ${network}; write another, such as "${networkDefaults.containers}"`,
    );
  }
  return { network, entry: entry ?? planned?.entry ?? "", containers, isSound: planned !== undefined };
}
