import { isDeepStrictEqual } from "node:util";
import type * as dynamic from "@pulumi/pulumi/dynamic";
import { failures } from "../failures";
import { changeOfMakeup, type Makeups } from "./makeup";
import { changeOfShape } from "./shape";

export interface ConfigurationInputs {
  readonly prefix: string;
  /** Names of the machines. */
  readonly machines: readonly string[];
  readonly protectData: boolean;
  /** Not in the state of a cluster made before there was this field. */
  readonly makeup?: Makeups;
}

/**
 * One machine stays, or nothing of the cluster does. And none leaves whose data volume the state has protected: the engine would
 * refuse that volume alone, and take all else of the machine away.
 */
export async function check(
  { machines = [], protectData = true }: Partial<ConfigurationInputs>,
  news: ConfigurationInputs,
): Promise<dynamic.CheckResult<ConfigurationInputs>> {
  const gone = machines.filter((machine) => !news.machines.includes(machine));
  const another = machines.length > 0 && gone.length === machines.length;
  return {
    inputs: news,
    failures: failures({
      machines: another
        ? `taiga:machines (or taiga:pools, taiga:prefix): none of ${machines.join(", ")} would stay, and with them nothing of the ` +
          "cluster; keep one of them until others have joined, or make another stack"
        : undefined,
      protectData:
        gone.length > 0 && protectData
          ? `taiga:protectData: ${gone.join(", ")} would go, and their data volumes are protected; keep them, or, where what is on them is ` +
            "to go for good: write false, run pulumi up with as many machines as there are, and make them fewer then"
          : undefined,
    }),
  };
}

/** Says in a preview, in order, what a cluster will do that grows or shrinks, or whose machines are made of something else. */
export async function diff(
  _id: string,
  old: ConfigurationInputs,
  news: ConfigurationInputs,
): Promise<dynamic.DiffResult> {
  const changes = [
    changeOfMakeup(old.makeup ?? {}, news.makeup ?? {}),
    changeOfShape(old.machines ?? news.machines, news.machines),
  ];
  for (const change of changes) if (change) console.error(change);
  return {
    changes:
      old.prefix !== news.prefix ||
      old.protectData !== news.protectData ||
      old.machines?.join() !== news.machines.join() ||
      !isDeepStrictEqual(old.makeup, news.makeup),
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
