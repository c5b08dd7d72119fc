import type * as dynamic from "@pulumi/pulumi/dynamic";
import { FleetClient } from "../clients/fleet";
import { type ConfigReader, Connection } from "../connection";
import { untilActive } from "./health";

export interface RolloutInputs {
  readonly units: readonly string[];
  /** A digest of what the units are; a change waits again. */
  readonly revision: string;
  readonly timeoutSeconds: number;
}

let connection: Connection | undefined;

export async function configure(request: { config: ConfigReader }): Promise<void> {
  connection = Connection.fromConfig(request.config);
}

export async function diff(
  _id: string,
  old: RolloutInputs,
  news: RolloutInputs,
): Promise<dynamic.DiffResult> {
  return { changes: old.revision !== news.revision || old.units.join() !== news.units.join(), replaces: [] };
}

async function pass({ units, timeoutSeconds }: RolloutInputs): Promise<void> {
  if (!connection) throw new Error("fleet.Rollout was not configured");
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
