import type { Complain } from "./problem";

/** Taiga's database and the role that owns it, which Taiga logs in as. Both are made with the cluster, and stay as long as it does. */
export interface DatabaseSettings {
  /** Default: taiga. */
  readonly name: string;
  /** Default: taiga. */
  readonly user: string;
}

export const databaseDefaults = { name: "taiga", user: "taiga" } as const;

/** Databases beside Taiga's: a backup's rows while they are read, and the rows they took the place of until they are dropped. */
export const restoreDatabases = { restoring: "taiga_restoring", replaced: "taiga_replaced" } as const;

const fields = ["name", "user"] as const;
/** What PostgreSQL, Patroni (the last two users) and the restore have for themselves. */
const reserved: Readonly<Record<(typeof fields)[number], readonly string[]>> = {
  name: ["postgres", "template0", "template1", ...Object.values(restoreDatabases)],
  user: ["postgres", "public", "none", "replicator", "rewinder"],
};

/** Reads `taiga:database`, complains of every bad field, and goes on with its default. */
export function readDatabase(raw: unknown, complain: Complain): DatabaseSettings {
  if (raw === undefined || raw === null) return databaseDefaults;
  if (typeof raw !== "object" || Array.isArray(raw)) {
    // What was written here may be meant as a password.
    complain("database", "[secret]", "is no mapping; write one such as { name: taiga, user: taiga }");
    return databaseDefaults;
  }
  const given = raw as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given).filter((each) => !fields.includes(each as never)))
    complain(
      `database.${name}`,
      "[secret]",
      `is for no known field; write one of ${fields.join(", ")} (the password is made of the stack's root secret)`,
    );
  const identifier = (field: (typeof fields)[number]): string => {
    const value = given[field] === undefined ? databaseDefaults[field] : given[field];
    if (typeof value !== "string" || !/^[a-z_][a-z0-9_]{0,62}$/.test(value))
      complain(
        `database.${field}`,
        value,
        `is no plain identifier of PostgreSQL's; write at most 63 lower-case letters, digits and _, no digit first, such as ${databaseDefaults[field]}`,
      );
    else if (reserved[field].includes(value) || (field === "user" && value.startsWith("pg_")))
      complain(
        `database.${field}`,
        value,
        `is taken by PostgreSQL, Patroni or npm run restore; write another, such as ${databaseDefaults[field]}`,
      );
    else return value;
    return databaseDefaults[field];
  };
  return { name: identifier("name"), user: identifier("user") };
}
