import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { untilWhole } from "./health";
import { backToWork } from "./leaving";
import { lock } from "./lock";

export interface ReadinessInputs {
  readonly machines: readonly { readonly name: string; readonly address: string }[];
  readonly revision: string;
}

const { configure, connected } = configured("cluster.Readiness");

export { configure };

export async function diff(
  _id: string,
  old: ReadinessInputs,
  news: ReadinessInputs,
): Promise<dynamic.DiffResult> {
  return {
    changes: old.revision !== news.revision || old.machines.length !== news.machines.length,
    replaces: [],
  };
}

/**
 * All machines are members by now, so none has a turn to be taken away. One that was to leave, and was cut off in it, may have been
 * emptied: it is to stay after all.
 */
export async function create(inputs: ReadinessInputs): Promise<dynamic.CreateResult<ReadinessInputs>> {
  const cluster = connected();
  const machines = inputs.machines.map((machine) => cluster.at(machine));
  await Promise.all(machines.map((machine) => backToWork(cluster, machine)));
  await untilWhole(cluster, machines, "cluster");
  for (const { name } of inputs.machines) await lock.release(cluster, name);
  return { id: inputs.machines.map(({ name }) => name).join(), outs: inputs };
}

export async function update(
  _id: string,
  _old: ReadinessInputs,
  news: ReadinessInputs,
): Promise<dynamic.UpdateResult<ReadinessInputs>> {
  await create(news);
  return { outs: news };
}

async function remove(): Promise<void> {}

export { remove as delete };
