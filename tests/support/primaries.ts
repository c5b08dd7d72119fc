import { setTimeout as sleep } from "node:timers/promises";
import type { Machine, SshPool } from "../../provider/clients/ssh";
import { PsqlSession, superuser } from "./psql-session";

/** The command that has a container's PostgreSQL answer, as its superuser. */
export const psql = (sql: string, container = "taiga-db"): string =>
  `sudo docker exec -u postgres ${container} ${superuser} -c "${sql}"`;

/** Asks a machine's PostgreSQL, not etcd. @returns undefined where none answers. */
export async function acceptsWrites(ssh: SshPool, machine: Machine): Promise<boolean | undefined> {
  const asked = await ssh
    .exec(machine, psql("select pg_is_in_recovery()"), { timeoutSeconds: 10 })
    .catch(() => undefined);
  const answer = asked?.stdout.trim();
  return answer === "f" ? true : answer === "t" ? false : undefined;
}

export const query = async (ssh: SshPool, machine: Machine, sql: string): Promise<string> =>
  (await ssh.succeed(machine, psql(sql))).trim();

interface Sighting {
  readonly machine: string;
  readonly asked: number;
  readonly answered: number;
}

/** Asks every machine's PostgreSQL again and again whether it accepts writes. */
export class PrimaryWatch {
  readonly sightings: Sighting[] = [];
  #running = true;
  readonly #watchers: Promise<void>[];

  constructor(ssh: SshPool, machines: readonly Machine[]) {
    this.#watchers = machines.map((machine) => this.#watch(ssh, machine));
  }

  async #watch(ssh: SshPool, machine: Machine): Promise<void> {
    let session: PsqlSession | undefined;
    while (this.#running) {
      if (!session?.isOpen) session = await PsqlSession.open(ssh, machine).catch(() => undefined);
      const asked = Date.now();
      const inRecovery = await session?.ask("select pg_is_in_recovery()", 10);
      if (inRecovery === "f") this.sightings.push({ machine: machine.name, asked, answered: Date.now() });
      await sleep(300);
    }
    session?.close();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#watchers);
  }

  /**
   * Moments at which two accepted writes: one was asked and answered between two answers of another that follow on each
   * other, with nothing to say that the other had stepped down in between.
   */
  conflicts(): string[] {
    return this.sightings.flatMap((sighting) => {
      const others = this.sightings.filter(({ machine }) => machine !== sighting.machine);
      return others
        .filter((before) => {
          const after = others.find(
            ({ machine, asked }) => machine === before.machine && asked > before.answered,
          );
          // Sightings that lie far apart have silence between them, not a reign.
          const near = after && after.asked - before.answered < 5_000;
          return near && before.answered < sighting.asked && sighting.answered < after.asked;
        })
        .map(
          (other) => `${sighting.machine} and ${other.machine} at ${new Date(sighting.asked).toISOString()}`,
        );
    });
  }
}
