import type { Machine, RunningCommand } from "../provider/clients/ssh";
import type { Connection } from "../provider/connection";

const database = "taiga";
const role = "taiga";
/** A backup's rows while they are read, and the rows it took the place of until they are dropped. */
const restoring = "taiga_restoring";
const replaced = "taiga_replaced";

const binaries = "/usr/lib/postgresql/15/bin";
/** A program of PostgreSQL's in the member's container, as the superuser, who is let in there alone. */
const inContainer = (program: string, args: string): string =>
  `sudo docker exec -i -u postgres taiga-db ${binaries}/${program} -h /run/postgresql ${args}`;

/** The member that leads, whom Patroni has named in etcd. */
export async function findLeader(connection: Connection): Promise<Machine> {
  const name = await connection.etcd.run((etcd) => etcd.get("/service/taiga/leader").string());
  const leader = connection.machines.find((machine) => machine.name === name);
  if (!leader)
    throw new Error(
      "the database has no leader just now: npm run ssh -- 1 'sudo docker exec -u postgres taiga-db patronictl list'",
    );
  return leader;
}

export const postgresVersion = async (connection: Connection, leader: Machine): Promise<string> =>
  (await connection.ssh.succeed(leader, inContainer("psql", "-AXtqc 'SHOW server_version'"))).trim();

/** All rows as they are at one moment, in pg_dump's own compressed format. */
export const dumpDatabase = (connection: Connection, leader: Machine): Promise<RunningCommand> =>
  connection.ssh.start(leader, inContainer("pg_dump", `-Fc --dbname=${database}`));

/** Makes an empty database beside the service's, and reads a dump into it: all of it or nothing. */
export async function beginRestore(connection: Connection, leader: Machine): Promise<RunningCommand> {
  const { ssh } = connection;
  for (const name of [restoring, replaced]) // what an interrupted restore has left
    await ssh.succeed(leader, inContainer("dropdb", `--if-exists --force ${name}`));
  const like = "--template=template0 --encoding=UTF8 --locale=C.UTF-8";
  await ssh.succeed(leader, inContainer("createdb", `--owner=${role} ${like} ${restoring}`));
  return ssh.start(
    leader,
    inContainer("pg_restore", `--exit-on-error --single-transaction --dbname=${restoring}`),
  );
}

/** Brings the restored rows to what the running version of Taiga wants, before anybody sees them. */
export async function migrateRestored(connection: Connection): Promise<void> {
  // One that has an instance now: what another has noted may be of a version before.
  const runs = "systemctl -q is-active 'taiga-back@*.service' && sudo test -s /run/taiga/migrate && echo yes";
  for (const machine of connection.machines) {
    const answer = await connection.ssh.exec(machine, runs).catch(() => undefined);
    if (answer?.stdout.trim() !== "yes") continue;
    await connection.ssh.succeed(machine, `sudo env TAIGA_DATABASE=${restoring} bash /run/taiga/migrate`, {
      timeoutSeconds: 900,
    });
    return;
  }
  throw new Error("no machine has run Taiga's API yet, whose image knows how to migrate: ./deploy.sh");
}

/** Puts the restored rows in the place of the others, in one transaction; services connect again by themselves. */
export async function swapDatabases(connection: Connection, leader: Machine): Promise<void> {
  const script = `
    ALTER DATABASE ${database} ALLOW_CONNECTIONS false;
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname IN ('${database}', '${restoring}') AND pid <> pg_backend_pid();
    BEGIN;
    ALTER DATABASE ${database} RENAME TO ${replaced};
    ALTER DATABASE ${restoring} RENAME TO ${database};
    COMMIT;
    DROP DATABASE ${replaced};`;
  // As one text to one process: it goes on to its end when this one is killed.
  try {
    await connection.ssh.succeed(leader, inContainer("psql", "-qX -v ON_ERROR_STOP=1 --dbname=postgres"), {
      input: script,
      timeoutSeconds: 120,
    });
  } catch (error) {
    const open = `ALTER DATABASE ${database} ALLOW_CONNECTIONS true`;
    await connection.ssh
      .exec(leader, inContainer("psql", `-qXc '${open}' --dbname=postgres`))
      .catch(() => {});
    throw error;
  }
}
