import type { Cluster, Machine } from "./cluster";

/**
 * What the machines that an error names say of the services it names: the end of their journals, and of a broker the processes
 * that do not get on.
 */
export async function lastWords(cluster: Cluster, error: string): Promise<string[]> {
  const said = servicesIn(error).map((service) => {
    const journal = `sudo journalctl -u 'taiga-${service}*' --since=-20min -n 60 -o short --no-pager`;
    const stuck =
      "sudo timeout 60 docker exec -u rabbitmq taiga-broker rabbitmq-diagnostics maybe_stuck -q 2>&1 | tail -n 120";
    return `echo '${service}:'; ${journal}${service === "broker" ? `; ${stuck}` : ""}`;
  });
  const named = ({ name, address }: Machine) => error.includes(name) || error.includes(`/${address}`);
  const answers = await cluster.onEach(said.join("; ") || "true", cluster.machines.filter(named));
  return [...answers].map(([{ name }, answer]) => `${name}, its last words on ${answer}`);
}

/** The services whose units, or whose instance on a machine, a text names. */
export const servicesIn = (text: string): string[] => {
  const named = text.matchAll(/taiga-([a-z]+)[a-z-]*(?:@\d+)?\.service|\b([a-z]+) on /g);
  return [...new Set([...named].map(([, unit, name]) => (unit ?? name) as string))];
};
