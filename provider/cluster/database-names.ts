import type { Connection } from "../connection";

/** What Taiga's database was made with: its name, and the role that owns it. */
export interface DatabaseNames {
  readonly name: string;
  readonly user: string;
}

/** Every cluster's, before there was a choice. */
const former: DatabaseNames = { name: "taiga", user: "taiga" };

/** Those of a running cluster, by its own keys in etcd; undefined where no deploy has written them yet. */
export async function databaseNames({ etcd }: Pick<Connection, "etcd">): Promise<DatabaseNames | undefined> {
  const read = (key: string) =>
    etcd.run((client) => client.get(`/taiga/config/database/postgres_${key}`).string());
  const [name, user] = await Promise.all([read("db"), read("user")]);
  return name && user ? { name, user } : undefined;
}

/** By the setting's field: why a database that is there does not get another name or owner, and the way to one that has. */
export const renamings = (
  old: DatabaseNames = former,
  news: DatabaseNames = former,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (["name", "user"] as const)
      .filter((field) => old[field] !== news[field])
      .map((field) => [
        `taiga:database.${field}`,
        `${JSON.stringify(news[field])} is another than ${JSON.stringify(old[field])}, which the database was made with and keeps; ` +
          `write ${old[field]}. For another: npm run backup, pulumi destroy, the new configuration, npm run restore, which reads ` +
          "the rows into the new database and leaves taiga:database as it is",
      ]),
  );
