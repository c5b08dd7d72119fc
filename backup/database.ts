import { restoreDatabases } from "../components/database-settings";
import type { Machine, RunningCommand } from "../provider/clients/ssh";
import { type DatabaseNames, databaseNames } from "../provider/cluster/database-names";
import type { Connection } from "../provider/connection";

const { restoring, replaced } = restoreDatabases;

/** @throws Error where no deploy has come as far as the keys that say them. */
async function namesOf(connection: Connection): Promise<DatabaseNames> {
  const names = await databaseNames(connection);
  if (!names) throw new Error("etcd does not say which database is Taiga's: ./deploy.sh");
  return names;
}

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
export async function dumpDatabase(connection: Connection, leader: Machine): Promise<RunningCommand> {
  const { name } = await namesOf(connection);
  return connection.ssh.start(leader, inContainer("pg_dump", `-Fc --dbname=${name}`));
}

/**
 * Makes an empty database beside the service's, and reads a dump into it: all of it or nothing. Everything in it becomes
 * this cluster's user's, whoever owned it where the dump is from.
 */
export async function beginRestore(connection: Connection, leader: Machine): Promise<RunningCommand> {
  const { ssh } = connection;
  const { user } = await namesOf(connection);
  for (const name of [restoring, replaced]) // what an interrupted restore has left
    await ssh.succeed(leader, inContainer("dropdb", `--if-exists --force ${name}`));
  const like = "--template=template0 --encoding=UTF8 --locale=C.UTF-8";
  await ssh.succeed(leader, inContainer("createdb", `--owner=${user} ${like} ${restoring}`));
  return ssh.start(
    leader,
    inContainer(
      "pg_restore",
      `--exit-on-error --single-transaction --no-owner --role=${user} --dbname=${restoring}`,
    ),
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
  const { name } = await namesOf(connection);
  // A word of SQL's own, such as order, is a name too.
  const script = `
    ALTER DATABASE "${name}" ALLOW_CONNECTIONS false;
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname IN ('${name}', '${restoring}') AND pid <> pg_backend_pid();
    BEGIN;
    ALTER DATABASE "${name}" RENAME TO ${replaced};
    ALTER DATABASE ${restoring} RENAME TO "${name}";
    COMMIT;
    DROP DATABASE ${replaced};`;
  // As one text to one process: it goes on to its end when this one is killed.
  try {
    await connection.ssh.succeed(leader, inContainer("psql", "-qX -v ON_ERROR_STOP=1 --dbname=postgres"), {
      input: script,
      timeoutSeconds: 120,
    });
  } catch (error) {
    const open = `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`;
    await connection.ssh
      .exec(leader, inContainer("psql", `-qXc '${open}' --dbname=postgres`))
      .catch(() => {});
    throw error;
  }
}
