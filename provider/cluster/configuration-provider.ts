import type * as dynamic from "@pulumi/pulumi/dynamic";

export interface ConfigurationInputs {
  readonly prefix: string;
}

export async function diff(
  _id: string,
  old: ConfigurationInputs,
  news: ConfigurationInputs,
): Promise<dynamic.DiffResult> {
  return { changes: old.prefix !== news.prefix, replaces: [] };
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
