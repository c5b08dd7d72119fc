import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { difference } from "../difference";
import { failures } from "../failures";
import { isKnown } from "../unknown";
import { pathProblem, valueProblem } from "./check";
import { look, type Run, swap, type Wish } from "./swap";

type Values = Readonly<Record<string, string>>;

/** What is stored of the keys under a prefix. */
export interface PrefixState {
  readonly prefix: string;
  /** By the rest of the key after the prefix and a slash. */
  readonly values: Values;
  readonly adopt?: boolean;
  /** etcd's mod revision of each value, by the same names: the next write compares with it. */
  readonly revisions: Values;
}
type PrefixInputs = Omit<PrefixState, "revisions">;

const { configure, connected } = configured("etcd.Prefix");

export { configure };

/** Every operation here may be repeated: each compares first, and finds its own work done when an answer was lost. */
const run: Run = (operation) => {
  return connected().etcd.run(operation);
};

/** Contacts nothing: a preview works while the cluster is down. */
export async function check(
  _olds: PrefixInputs,
  news: PrefixInputs,
): Promise<dynamic.CheckResult<PrefixInputs>> {
  const problems: dynamic.CheckFailure[] = failures({
    prefix: pathProblem(news.prefix, "prefix", "/taiga/config/database"),
  });
  const values: unknown = news.values;
  if (values === undefined || (isKnown(values) && !isMap(values))) {
    const reason = `the values under ${news.prefix} are no map; write names and texts, such as { host: "db", port: "5432" }`;
    problems.push({ property: "values", reason });
  }
  for (const [name, value] of isMap(values) ? Object.entries(values) : []) {
    const property = `values[${JSON.stringify(name)}]`;
    const path = /^[^/]$|^[^/].*[^/]$/s.test(name)
      ? undefined
      : `${JSON.stringify(name)} is no name under ${news.prefix}; write a relative path, such as "host" or "database/host"`;
    problems.push(...failures({ [property]: path ?? valueProblem(value, keyOf(news.prefix, name)) }));
  }
  return { inputs: news, failures: problems };
}

const isMap = (values: unknown): values is Readonly<Record<string, unknown>> =>
  typeof values === "object" && values !== null && !Array.isArray(values);

const keyOf = (prefix: string, name: string): string => `${prefix}/${name}`;

export async function diff(_id: string, old: PrefixState, news: PrefixInputs): Promise<dynamic.DiffResult> {
  const differs = !isMap(news.values) || changed(old.values, news.values).length > 0;
  return difference(old.prefix === news.prefix ? [] : ["prefix"], differs);
}

/** Names that are new, gone or have another value. */
const changed = (old: Values, news: Values): string[] =>
  [...new Set([...Object.keys(old), ...Object.keys(news)])].filter((name) => old[name] !== news[name]);

export async function create(inputs: PrefixInputs): Promise<dynamic.CreateResult<PrefixState>> {
  const none: PrefixState = { ...inputs, values: {}, revisions: {} };
  return { id: inputs.prefix, outs: await become(none, inputs) };
}

export async function update(
  _id: string,
  old: PrefixState,
  news: PrefixInputs,
): Promise<dynamic.UpdateResult<PrefixState>> {
  return { outs: await become(old, news) };
}

/**
 * Stands in the state for the value of a key that is still to be written or deleted. The old value itself may have been a
 * secret, which the engine would not know any more where the program has another one, or none.
 */
const pending = "(waits for the next update)";

async function become(old: PrefixState, news: PrefixInputs): Promise<PrefixState> {
  const values = new Map(Object.entries(old.values));
  const revisions = new Map(Object.entries(old.revisions));
  const state = (): PrefixState => ({
    ...news,
    values: Object.fromEntries(values),
    revisions: Object.fromEntries(revisions),
  });
  const wishes = changed(old.values, news.values).map((name): NamedWish => {
    const [value, known] = [news.values[name], old.revisions[name]];
    const key = keyOf(news.prefix, name);
    return { name, key, ...(value !== undefined && { value }), ...(known && { known }) };
  });
  const left = new Set(wishes.map(({ name }) => name));
  try {
    await swap(run, wishes, {
      adopt: news.adopt ?? false,
      done: ({ name, value }, revision) => {
        left.delete(name);
        if (value === undefined || revision === undefined) {
          values.delete(name);
          revisions.delete(name);
        } else {
          values.set(name, value);
          revisions.set(name, revision);
        }
      },
    });
  } catch (error) {
    if (left.size === wishes.length) throw error;
    // Of more keys than fit in a transaction some are written: the engine records what such an error carries, and the
    // next update does the rest.
    for (const name of left) if (values.has(name)) values.set(name, pending);
    const { message } = error as Error;
    throw Object.assign(error as Error, { id: news.prefix, properties: state(), reasons: [message] });
  }
  return state();
}

interface NamedWish extends Wish {
  readonly name: string;
}

/** Of the keys under the prefix, those this resource has: others may write there too. */
export async function read(
  id: string,
  props?: PrefixState,
): Promise<dynamic.ReadResult<Partial<PrefixState>>> {
  if (!props) return {};
  const names = Object.keys(props.values);
  const seen = await look(
    run,
    names.map((name) => keyOf(id, name)),
  );
  const values: Record<string, string> = {};
  const revisions: Record<string, string> = {};
  for (const name of names) {
    const found = seen.get(keyOf(id, name));
    if (found?.value === undefined || found.revision === undefined) continue;
    values[name] = props.values[name] === pending ? pending : found.value;
    revisions[name] = found.revision;
  }
  if (names.length > 0 && Object.keys(values).length === 0) return {};
  const { revisions: _, ...known } = props;
  // The inputs as they are now: a preview then shows what the next update would change back.
  const inputs: PrefixInputs = { ...known, prefix: id, values };
  return { id, props: { ...inputs, revisions }, inputs };
}

async function remove(id: string, props: PrefixState): Promise<void> {
  const wishes = Object.entries(props.revisions).map(([name, known]) => ({ key: keyOf(id, name), known }));
  await swap(run, wishes, { done: () => {} });
}

export { remove as delete };
