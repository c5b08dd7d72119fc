import type * as dynamic from "@pulumi/pulumi/dynamic";
import type { Etcd3 } from "etcd3";
import { type ConfigReader, Connection } from "../connection";

/** What is stored of a key. The value is secret in the state when it was given as a secret. */
export interface KeyState {
  readonly key: string;
  readonly value: string;
  readonly adopt?: boolean;
  /** etcd's mod revision of the value last written or read: the next write compares with it. */
  readonly revision: string;
}
type KeyInputs = Omit<KeyState, "revision">;

let connection: Connection | undefined;
/** Every operation here may be repeated: each compares first, and finds its own work done when an answer was lost. */
const run = <T>(operation: (etcd: Etcd3) => PromiseLike<T>): Promise<T> => {
  if (!connection) throw new Error("etcd.Key was not configured");
  return connection.etcd.run(operation);
};

export async function configure(request: { config: ConfigReader }): Promise<void> {
  connection = Connection.fromConfig(request.config);
}

/** Contacts nothing: a preview works while the cluster is down. */
export async function check(_olds: KeyInputs, news: KeyInputs): Promise<dynamic.CheckResult<KeyInputs>> {
  const failures: dynamic.CheckFailure[] = [];
  if (typeof news.key === "string" && !/^\/.*[^/]$/.test(news.key)) {
    failures.push({
      property: "key",
      reason: `${JSON.stringify(news.key)} is not a key of this cluster; write an absolute path, such as "/taiga/config/database/host"`,
    });
  }
  if (news.value !== undefined && typeof news.value === "number") {
    failures.push({
      property: "value",
      reason: `${news.value} is a number; etcd stores text: write "${news.value}"`,
    });
  }
  return { inputs: news, failures };
}

export async function diff(_id: string, old: KeyState, news: KeyInputs): Promise<dynamic.DiffResult> {
  const replaces = old.key === news.key ? [] : ["key"];
  return { changes: replaces.length > 0 || old.value !== news.value, replaces, deleteBeforeReplace: false };
}

export async function create(inputs: KeyInputs): Promise<dynamic.CreateResult<KeyState>> {
  const done = await run((etcd) =>
    etcd
      .if(inputs.key, "Version", "==", 0)
      .then(etcd.put(inputs.key).value(inputs.value))
      .else(etcd.get(inputs.key))
      .commit(),
  );
  if (done.succeeded) return { id: inputs.key, outs: { ...inputs, revision: done.header.revision } };
  const found = done.responses[0]?.response_range?.kvs[0];
  if (found && found.value.toString() === inputs.value) {
    return { id: inputs.key, outs: { ...inputs, revision: found.mod_revision } }; // an interrupted create wrote it
  }
  if (!inputs.adopt) {
    throw new Error(
      `${inputs.key} exists already, with another value, at revision ${found?.mod_revision}; ` +
        "set adopt: true to take it over, or delete it first",
    );
  }
  const taken = await run((etcd) => etcd.put(inputs.key).value(inputs.value));
  return { id: inputs.key, outs: { ...inputs, revision: taken.header.revision } };
}

export async function read(id: string, props?: KeyState): Promise<dynamic.ReadResult<KeyState>> {
  const { kvs } = await run((etcd) => etcd.get(id).exec());
  const found = kvs[0];
  if (!found) return {};
  const value = found.value.toString();
  return {
    id,
    props: { ...(props ?? { key: id }), key: id, value, revision: found.mod_revision } as KeyState,
  };
}

export async function update(
  id: string,
  old: KeyState,
  news: KeyInputs,
): Promise<dynamic.UpdateResult<KeyState>> {
  const done = await run((etcd) =>
    etcd.if(id, "Mod", "==", old.revision).then(etcd.put(id).value(news.value)).else(etcd.get(id)).commit(),
  );
  if (done.succeeded) return { outs: { ...news, revision: done.header.revision } };
  const found = done.responses[0]?.response_range?.kvs[0];
  if (!found) {
    const written = await run((etcd) => etcd.put(id).value(news.value)); // deleted behind our back: there is nothing to lose
    return { outs: { ...news, revision: written.header.revision } };
  }
  if (found.value.toString() === news.value) return { outs: { ...news, revision: found.mod_revision } };
  throw new Error(
    `${id} was changed by somebody else: it is at revision ${found.mod_revision}, this stack knows ${old.revision}; ` +
      "run `pulumi refresh` to see what it is now, then `pulumi up`",
  );
}

async function remove(id: string, props: KeyState): Promise<void> {
  const done = await run((etcd) =>
    etcd.if(id, "Mod", "==", props.revision).then(etcd.delete().key(id)).else(etcd.get(id)).commit(),
  );
  const found = done.succeeded ? undefined : done.responses[0]?.response_range?.kvs[0];
  if (found) {
    throw new Error(
      `${id} was changed by somebody else: it is at revision ${found.mod_revision}, this stack knows ${props.revision}; ` +
        "run `pulumi refresh`, then the same command again",
    );
  }
}

export { remove as delete };
