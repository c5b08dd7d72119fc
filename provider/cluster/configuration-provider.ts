import type * as dynamic from "@pulumi/pulumi/dynamic";
import { changeOfShape } from "./shape";

export interface ConfigurationInputs {
  readonly prefix: string;
  /** Names of the machines. */
  readonly machines: readonly string[];
}

/** Says in a preview what a cluster that grows or shrinks will do, in order. */
export async function diff(
  _id: string,
  old: ConfigurationInputs,
  news: ConfigurationInputs,
): Promise<dynamic.DiffResult> {
  const change = changeOfShape(old.machines ?? news.machines, news.machines);
  if (change) console.error(change);
  return {
    changes: old.prefix !== news.prefix || old.machines?.join() !== news.machines.join(),
    replaces: [],
  };
}

export async function create(
  inputs: ConfigurationInputs,
): Promise<dynamic.CreateResult<ConfigurationInputs>> {
  return { id: inputs.prefix, outs: inputs };
}

export async function update(
  _id: string,
  _old: ConfigurationInputs,
  news: ConfigurationInputs,
): Promise<dynamic.UpdateResult<ConfigurationInputs>> {
  return { outs: news };
}

async function remove(): Promise<void> {}

export { remove as delete };
