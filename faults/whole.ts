import { setTimeout as sleep } from "node:timers/promises";
import { evaluate } from "../tests/support/broker";
import { acceptsWrites, query } from "../tests/support/primaries";
import type { Cluster, Machine } from "./cluster";

/**
 * What a cluster lacks to be whole: each machine, every unit active, and a member of database, broker and media on each of the
 * first three. Empty when it is; else what is to come first, since each look is work for machines that have enough to do.
 */
export async function lacks(cluster: Cluster): Promise<string[]> {
  const { machines, ssh } = cluster;
  const count = machines.length;
  const members = Math.min(3, count);
  const healthy = await cluster.onEach("etcdctl endpoint health 2>&1");
  const lacking = machines
    .filter((machine) => !/is healthy/.test(healthy.get(machine) ?? ""))
    .map(({ name }) => `${name}: etcd`);
  if (lacking.length > 0) return lacking;
  const [first] = machines;
  if (!first) return ["machines"];
  const say = (lack: boolean, what: string) => lack && lacking.push(what);

  const voters = (await ssh.succeed(first, "etcdctl member list")).trim().split("\n");
  say(voters.length !== count, `${voters.length} members of etcd`);
  const fleet = (await ssh.succeed(first, "fleetctl list-machines -no-legend -fields=machine"))
    .trim()
    .split("\n");
  say(fleet.length !== count, `${fleet.length} machines in fleet`);
  const units = (
    await ssh.succeed(first, "fleetctl list-units -no-legend -fields=unit,active,machine")
  ).split("\n");
  const announced = await ssh.succeed(first, "etcdctl get --prefix /taiga/services/");
  for (const line of units.filter(Boolean)) {
    say(!/\sactive\s/.test(line), line.trim().replace(/\s+/g, " "));
    const [, service] = /^taiga-([a-z]+)-discovery[@.]/.exec(line) ?? [];
    const machine = machines.find(({ address }) => line.trim().endsWith(`/${address}`));
    const told = new RegExp(`^/taiga/services/${service}/.*\\n.*"machine":"${machine?.name}"`, "m");
    say(service !== undefined && !told.test(announced), `${service} on ${machine?.name} is not announced`);
  }
  if (lacking.length > 0) return lacking;

  const accepting = await Promise.all(machines.map((machine) => acceptsWrites(ssh, machine)));
  const leader = machines.find((_, index) => accepting[index]);
  if (!leader) return ["a database that accepts writes"];
  const streaming = await query(
    ssh,
    leader,
    "select count(*) from pg_stat_replication where state = 'streaming'",
  );
  say(streaming !== String(members - 1), `${streaming} replicas of the database`);
  const [brokers, mirrors] = await brokersOf(cluster, first);
  say(brokers !== members, `${brokers} brokers`);
  say(
    mirrors.some((synchronous) => synchronous !== members - 1),
    `synchronous mirrors of the queues: ${mirrors.join(", ")}`,
  );
  return [...lacking, ...mediaLack(announced, members)];
}

/** How many nodes of the broker run, and of each durable queue, how many mirrors have all of it. */
async function brokersOf({ ssh }: Cluster, machine: Machine): Promise<[number, number[]]> {
  const mirrors =
    "[case rabbit_amqqueue:info(Q, [synchronised_slave_pids]) of [{_, L}] when is_list(L) -> length(L); _ -> 0 end" +
    ' || Q <- rabbit_amqqueue:list(<<"taiga">>), amqqueue:is_durable(Q)]';
  const told = await evaluate(ssh, machine, `{length(rabbit_nodes:all_running()), ${mirrors}}`);
  return JSON.parse(told.replace("{", "[").replace("}", "]"));
}

/** Of the media's storage: members that are away, and things that not all of them have. @param announced keys and values, a line each */
function mediaLack(announced: string, count: number): string[] {
  const members = [...announced.matchAll(/^\/taiga\/services\/media\/.*\n(.*)$/gm)];
  const waiting = members.map(([, value]) => (JSON.parse(value as string) as { waiting: number }).waiting);
  return waiting.length === count && waiting.every((things) => things === 0)
    ? []
    : [`media: ${waiting.length} members, which have ${waiting.join(", ")} things to bring to others`];
}

/** Waits for a cluster to be whole, and says what it waits for. @returns when it was, ms since the epoch */
export async function untilRestored(
  cluster: Cluster,
  seconds: number,
  say: (line: string) => void,
): Promise<number> {
  const begun = Date.now();
  let said = begun;
  for (;;) {
    const lacking = await lacks(cluster).catch((error: Error) => [error.message]);
    if (lacking.length === 0) return Date.now();
    const waited = Math.round((Date.now() - begun) / 1000);
    if (waited > seconds) throw new Error(`not whole after ${waited} s: ${lacking.join("; ")}`);
    if (Date.now() - said > 20_000) {
      said = Date.now();
      say(`waiting for the cluster to be whole, ${waited} s of at most ${seconds}: ${lacking.join("; ")}`);
    }
    await sleep(1_000);
  }
}
