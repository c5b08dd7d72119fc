import { freeNetwork, hostNetworks } from "../../components/host-networks";
import { overlaps } from "../../nodes/cidr";

/** A network for machines and one for containers that nothing on this host has. */
export function freeNetworks(): { network: string; containers: string } {
  const taken = hostNetworks();
  const containers = Array.from({ length: 50 }, (_, index) => `10.${200 + index}.0.0/16`).find(
    (text) => !taken.some((other) => overlaps(text, other)),
  );
  return { network: freeNetwork(taken) as string, containers: containers as string };
}
