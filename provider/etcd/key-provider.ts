import type * as dynamic from "@pulumi/pulumi/dynamic";
import type { Etcd3 } from "etcd3";
import { type ConfigReader, Connection } from "../connection";
import { isKnown } from "../unknown";

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

/** etcd refuses requests of more than 1.5 MiB; the rest is room for the transaction around the value. */
const largestValue = 1024 * 1024;

/** Contacts nothing: a preview works while the cluster is down. */
export async function check(_olds: KeyInputs, news: KeyInputs): Promise<dynamic.CheckResult<KeyInputs>> {
  const failures: dynamic.CheckFailure[] = [];
  const { key, value } = news as { key: unknown; value: unknown };
  if (isKnown(key) && !(typeof key === "string" && /^\/.*[^/]$/.test(key))) {
    failures.push({
      property: "key",
      reason: `${JSON.stringify(key)} is not a key of this cluster; write an absolute path, such as "/taiga/config/database/host"`,
    });
  }
  if (value === undefined) {
    failures.push({
      property: "value",
      reason: `${key} has no value; write text, "" if it is to be empty`,
    });
  } else if (isKnown(value) && typeof value !== "string") {
    // It may be secret, so it is not repeated here.
    failures.push({
      property: "value",
      reason: `the value of ${key} is a ${typeof value}; etcd stores text: put it in quotes, or through JSON.stringify`,
    });
  } else if (typeof value === "string" && Buffer.byteLength(value) > largestValue) {
    failures.push({
      property: "value",
      reason: `the value of ${key} has ${Buffer.byteLength(value)} bytes; etcd takes ${largestValue}: split it over several keys`,
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

export async function read(id: string, props?: KeyState): Promise<dynamic.ReadResult<Partial<KeyState>>> {
  const { kvs } = await run((etcd) => etcd.get(id).exec());
  const found = kvs[0];
  if (!found) return {};
  const { revision: _, ...known } = props ?? ({} as KeyState);
  // The inputs as they are now: a preview then shows what the next update would change back.
  const inputs: KeyInputs = { ...known, key: id, value: found.value.toString() };
  return { id, props: { ...inputs, revision: found.mod_revision }, inputs };
}

export async function update(
  id: string,
  old: KeyState,
  news: KeyInputs,
): Promise<dynamic.UpdateResult<KeyState>> {
  const writeIf = (column: "Mod" | "Version", is: string) =>
    run((etcd) =>
      etcd.if(id, column, "==", is).then(etcd.put(id).value(news.value)).else(etcd.get(id)).commit(),
    );
  let done = await writeIf("Mod", old.revision);
  let found = done.responses[0]?.response_range?.kvs[0];
  if (!done.succeeded && !found) {
    done = await writeIf("Version", "0"); // deleted behind our back: there is nothing to lose
    found = done.responses[0]?.response_range?.kvs[0];
  }
  if (done.succeeded) return { outs: { ...news, revision: done.header.revision } };
  if (found && found.value.toString() === news.value) {
    return { outs: { ...news, revision: found.mod_revision } };
  }
  throw new Error(changed(id, found?.mod_revision, old.revision));
}

const changed = (id: string, found: string | undefined, known: string): string =>
  `${id} was changed by somebody else: it is at revision ${found ?? "none"}, this stack knows ${known}; ` +
  "run `pulumi refresh` to take note of what it is now, then the same command again";

async function remove(id: string, props: KeyState): Promise<void> {
  const done = await run((etcd) =>
    etcd.if(id, "Mod", "==", props.revision).then(etcd.delete().key(id)).else(etcd.get(id)).commit(),
  );
  const found = done.succeeded ? undefined : done.responses[0]?.response_range?.kvs[0];
  if (found) throw new Error(changed(id, found.mod_revision, props.revision));
}

export { remove as delete };
