import { freeNetwork, hostNetworks } from "../components/host-networks";
import { defaults } from "../components/settings";
import { type Cidr, overlaps, parseCidr } from "../nodes/cidr";
import { claim, claimedNetworks, foreignClaim } from "./claims";
import { isOf, type LibvirtObject, libvirtObjects } from "./libvirt-objects";
import type { StackSettings } from "./stack-file";

interface Place {
  readonly prefix: string;
  readonly network: string;
}

/** Takes for a stack that was never deployed the place its settings name, or another where somebody on this host has that. */
export async function takePlace(wanted: StackSettings, stack: string): Promise<Place> {
  const { prefix, network } = wanted;
  if (!(await isTaken(wanted, stack)) && claim(prefix, network, stack)) return { prefix, network };
  for (;;) {
    const free = await freePlace(wanted, stack);
    // Another clone may have been looking at the same time.
    if (claim(free.prefix, free.network, stack)) return free;
  }
}

/** Whether libvirt, the host's network or another stack already has what the stack would make. */
async function isTaken(place: StackSettings, stack: string): Promise<boolean> {
  const { prefix, network, nat } = place;
  const objects = await objectsThere(place);
  const wanted = parseCidr(network);
  return (
    objects.some((each) => isOf(prefix, each)) ||
    (nat && takenNetworks(stack).some((other) => overlaps(wanted, other)))
  );
}

/** A prefix and, for a network of libvirt's own, a /24 nobody on this host uses. A letter ends the prefix, so that no machine name looks like it. */
async function freePlace(taken: StackSettings, stack: string): Promise<Place> {
  const objects = await objectsThere(taken);
  const busy = (prefix: string) => foreignClaim(prefix, stack) || objects.some((each) => isOf(prefix, each));
  const prefixes = [taken.prefix, ..."bcdefghijklmnopqrstuvwxyz"].map((letter, index) =>
    index === 0 ? letter : `${taken.prefix}-${letter}`,
  );
  const prefix = prefixes.find((each) => !busy(each));
  if (!prefix) throw new Error(`${taken.prefix}-b to -z are all taken: set taiga:prefix in the stack's file`);
  if (!taken.nat) return { prefix, network: taken.network };
  const network = freeNetwork([...takenNetworks(stack), parseCidr(defaults.containers)]);
  if (!network) throw new Error("no private /24 network is free: set taiga:network in the stack's file");
  return { prefix, network };
}

/** Where no libvirt answers there is nothing of ours yet. */
const objectsThere = async ({ hypervisors }: StackSettings): Promise<LibvirtObject[]> =>
  (await Promise.all(hypervisors.map(({ uri }) => libvirtObjects([uri]).catch(() => [])))).flat();

const takenNetworks = (stack: string): Cidr[] => [
  ...hostNetworks(),
  ...claimedNetworks(stack).map((text) => parseCidr(text)),
];
