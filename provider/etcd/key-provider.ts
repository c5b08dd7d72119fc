import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { difference } from "../difference";
import { failures } from "../failures";
import { pathProblem, valueProblem } from "./check";
import { look, type Run, swap } from "./swap";

/** What is stored of a key. The value is secret in the state when it was given as a secret. */
export interface KeyState {
  readonly key: string;
  readonly value: string;
  readonly adopt?: boolean;
  /** etcd's mod revision of the value last written or read: the next write compares with it. */
  readonly revision: string;
}
type KeyInputs = Omit<KeyState, "revision">;

const { configure, connected } = configured("etcd.Key");

export { configure };

/** Every operation here may be repeated: each compares first, and finds its own work done when an answer was lost. */
const run: Run = (operation) => {
  return connected().etcd.run(operation);
};

/** Contacts nothing: a preview works while the cluster is down. */
export async function check(_olds: KeyInputs, news: KeyInputs): Promise<dynamic.CheckResult<KeyInputs>> {
  const { key, value } = news;
  return {
    inputs: news,
    failures: failures({
      key: pathProblem(key, "key", "/taiga/config/database/host"),
      value: valueProblem(value, key),
    }),
  };
}

export async function diff(_id: string, old: KeyState, news: KeyInputs): Promise<dynamic.DiffResult> {
  return difference(old.key === news.key ? [] : ["key"], old.value !== news.value);
}

export async function create(inputs: KeyInputs): Promise<dynamic.CreateResult<KeyState>> {
  return { id: inputs.key, outs: await written(inputs) };
}

export async function update(
  _id: string,
  old: KeyState,
  news: KeyInputs,
): Promise<dynamic.UpdateResult<KeyState>> {
  return { outs: await written(news, old.revision) };
}

async function written(inputs: KeyInputs, known?: string): Promise<KeyState> {
  const { key, value, adopt = false } = inputs;
  let revision = "";
  await swap(run, [{ key, value, ...(known && { known }) }], {
    adopt,
    done: (_, now) => {
      revision = now ?? "";
    },
  });
  return { ...inputs, revision };
}

export async function read(id: string, props?: KeyState): Promise<dynamic.ReadResult<Partial<KeyState>>> {
  const found = (await look(run, [id])).get(id);
  if (found?.value === undefined || found.revision === undefined) return {};
  const { revision: _, ...known } = props ?? ({} as KeyState);
  // The inputs as they are now: a preview then shows what the next update would change back.
  const inputs: KeyInputs = { ...known, key: id, value: found.value };
  return { id, props: { ...inputs, revision: found.revision }, inputs };
}

async function remove(id: string, { revision }: KeyState): Promise<void> {
  await swap(run, [{ key: id, known: revision }], { done: () => {} });
}

export { remove as delete };
