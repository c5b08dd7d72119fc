import type * as dynamic from "@pulumi/pulumi/dynamic";
import { FleetClient } from "../clients/fleet";
import { configured } from "../configured";
import { untilActive } from "./gate/until-active";

export interface RolloutInputs {
  readonly units: readonly string[];
  /** A digest of what the units are; a change waits again. */
  readonly revision: string;
  readonly timeoutSeconds: number;
}

const { configure, connected } = configured("fleet.Rollout");

export { configure };

export async function diff(
  _id: string,
  old: RolloutInputs,
  news: RolloutInputs,
): Promise<dynamic.DiffResult> {
  return { changes: old.revision !== news.revision || old.units.join() !== news.units.join(), replaces: [] };
}

async function pass({ units, timeoutSeconds }: RolloutInputs): Promise<void> {
  const connection = connected();
  const fleet = new FleetClient(connection.machines, connection.ssh);
  await untilActive(connection, fleet, units, { timeoutSeconds, settleSeconds: 1 });
}

export async function create(inputs: RolloutInputs): Promise<dynamic.CreateResult<RolloutInputs>> {
  await pass(inputs);
  return { id: inputs.units[0] ?? "empty", outs: inputs };
}

export async function update(
  _id: string,
  _old: RolloutInputs,
  news: RolloutInputs,
): Promise<dynamic.UpdateResult<RolloutInputs>> {
  await pass(news);
  return { outs: news };
}

async function remove(): Promise<void> {}

export { remove as delete };
