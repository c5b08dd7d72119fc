import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { failures } from "../failures";
import { type DatabaseNames, databaseNames, renamings } from "./database-names";
import { untilWhole } from "./health";

/** Names of machines, and of what those with the database have. */
export interface HoldersInputs {
  readonly members: readonly string[];
  readonly media: readonly string[];
  readonly machines: readonly string[];
  /** A stack that was made before there was a choice has none stored. */
  readonly database?: DatabaseNames;
}

const { configure, connected } = configured("cluster.Holders");

export { configure };

/** No machine is to hold nothing any more, and the database keeps its names. Without `olds` there is no cluster yet. */
export async function check(
  olds: Partial<HoldersInputs>,
  news: HoldersInputs,
): Promise<dynamic.CheckResult<HoldersInputs>> {
  const { members = [], media = [] } = olds;
  return {
    inputs: news,
    failures: failures({
      members: refusal("members of database and broker", without(members, news.members), members.length),
      // One that stays hands over what it had of its own (libexec/media-moved).
      media: refusal("media", without(without(media, news.media), news.machines), media.length),
      ...(olds.members && renamings(olds.database, news.database)),
    }),
  };
}

export async function diff(
  _id: string,
  old: HoldersInputs,
  news: HoldersInputs,
): Promise<dynamic.DiffResult> {
  const changes = (["members", "media", "machines"] as const).some(
    (field) => old[field].join() !== news[field].join(),
  );
  return { changes, replaces: [] };
}

/** A cluster that was made before there was this resource may have more members than it is to have now, or other names. */
export async function create(inputs: HoldersInputs): Promise<dynamic.CreateResult<HoldersInputs>> {
  const connection = connected();
  const prefix = "/service/taiga/members/";
  const running = await connection.etcd.run((etcd) => etcd.getAll().prefix(prefix).keys());
  const there = running.map((key) => key.slice(prefix.length));
  const refused = refusal("members of the database", without(there, inputs.members), there.length);
  if (refused) throw new Error(refused);
  const names = await databaseNames(connection);
  const renamed = Object.entries(names ? renamings(names, inputs.database) : {});
  if (renamed.length > 0) throw new Error(renamed.map(([field, why]) => `${field}: ${why}`).join("\n"));
  return { id: "holders", outs: inputs };
}

/** The keys and units that follow tell running members of others: no machine may be away then, which another change waits for. */
export async function update(
  _id: string,
  _old: HoldersInputs,
  news: HoldersInputs,
): Promise<dynamic.UpdateResult<HoldersInputs>> {
  const connection = connected();
  await untilWhole(connection, connection.machines, "cluster, before its units hear of other machines");
  return { outs: news };
}

async function remove(): Promise<void> {}

export { remove as delete };

const without = (machines: readonly string[], others: readonly string[]): string[] =>
  machines.filter((machine) => !others.includes(machine));

function refusal(what: string, gone: readonly string[], before: number): string | undefined {
  if (gone.length === 0) return undefined;
  return (
    `${gone.join(", ")}: ${what} are there, and would go with what they alone may know. Keep taiga:machines (or the pools) at ` +
    `${before} machines or more and taiga:services as it was; for a smaller cluster: npm run backup, pulumi destroy, the new ` +
    "configuration, npm run restore -- --keep-machines"
  );
}
