import { isIPv4 } from "node:net";
import { formatAddress, overlaps, parseCidr } from "../nodes/cidr";
import { Reader } from "../nodes/reader";
import type { Problem } from "./problem";

/** How the machines are joined to each other and to their users. */
export interface Link {
  /**
   * - `nat`: a network of libvirt's own on one hypervisor, which leads outside by way of it;
   * - `bridge`: a bridge that is there on every hypervisor, all of them one network at layer 2;
   * - `route`: such a bridge, but between the hypervisors the site routes. No address can move from one to another, so
   *   the entry must be something outside.
   *
   * Default: nat.
   */
  readonly mode: "nat" | "bridge" | "route";
  /** The bridge's name on every hypervisor; for `bridge` and `route`. */
  readonly bridge?: string;
  /** The router machines send to, and ask for names. Default: the network's first address. */
  readonly gateway?: string;
  /** Where users come in, if not at a machine: a load balancer's name or address. Default: the machines themselves. */
  readonly entry?: string;
}

const modes = ["nat", "bridge", "route"] as const;
/** A name the kernel takes (dev_valid_name): 15 characters, no slash, no colon, no blank. */
const interfaceName = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;
const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/**
 * Reads `taiga:link`.
 * @param network a CIDR that has been checked; without one, what depends on it is not.
 * @param used the names of hypervisors that have machines.
 */
export function readLink(
  given: unknown,
  { network, used }: { readonly network?: string; readonly used: readonly string[] },
  problems: Problem[],
): Link {
  const notes: { path: string; message: string }[] = [];
  const link = new Reader(given ?? {}, "taiga:link", notes);
  link.only(["mode", "bridge", "gateway", "entry"]);
  const mode = link.has("mode") ? link.field("mode").oneOf(modes) : "nat";
  const read: Link = {
    mode: modes.includes(mode) ? mode : "nat",
    ...link.optional("bridge", (value) =>
      value.match(interfaceName, "a bridge's name of at most 15 characters, such as br0"),
    ),
    ...link.optional("gateway", (value) => value.match(/./, "an address of taiga:network")),
    ...link.optional("entry", (value) =>
      value.match(hostName, "a name or an address, such as taiga.example.org"),
    ),
  };
  if (mode === "nat") {
    if (used.length > 1)
      notes.push({
        path: "taiga:link.mode",
        message: `is "nat"; write bridge, with a bridge that ${used.join(", ")} share: libvirt's NAT ends at its hypervisor`,
      });
    for (const key of ["bridge", "gateway"].filter((each) => link.has(each)))
      link.field(key).complain("nothing, or mode: bridge: libvirt makes the bridge of a NAT network itself");
  } else if (modes.includes(mode) && !link.has("bridge")) {
    link
      .field("bridge")
      .complain(`the bridge's name on every hypervisor, such as br0: mode ${mode} makes none`);
  }
  if (mode === "route" && !link.has("entry"))
    notes.push({
      path: "taiga:link.mode",
      message:
        'is "route"; write bridge, or entry with a load balancer\'s name: an entry address cannot move over a routed network',
    });
  if (network !== undefined) {
    if (link.has("gateway") && mode !== "nat") checkOutside(link.field("gateway"), network);
    if (isIPv4(read.entry ?? "") && contains(network, read.entry as string))
      checkOutside(link.field("entry"), network, ", or taiga:entry for one that moves between the machines");
  }
  problems.push(...notes.map(({ path, message }) => ({ field: path, message })));
  return read;
}

const contains = (network: string, address: string): boolean =>
  overlaps(parseCidr(network), parseCidr(`${address}/32`));

/** The addresses from the fifth on are the entry's and the machines' (nodes/plan.ts). */
function checkOutside(address: Reader, network: string, otherwise = ""): void {
  const { first, last } = parseCidr(network);
  const free = [1, 2, 3, 4, last - first - 1].map((offset) => formatAddress(first + offset));
  if (!free.includes(String(address.value)))
    address.complain(
      `an address of ${network} that no machine gets: ${formatAddress(first + 1)} to ${formatAddress(first + 4)}, or the last${otherwise}`,
    );
}
