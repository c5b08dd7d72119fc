import type * as dynamic from "@pulumi/pulumi/dynamic";
import { FleetClient } from "../clients/fleet";
import { type ConfigReader, Connection } from "../connection";
import { waitUntil } from "../progress";
import { failures, lackingOf } from "./health";

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

export async function create(inputs: RolloutInputs): Promise<dynamic.CreateResult<RolloutInputs>> {
  if (!connection) throw new Error("fleet.Rollout was not configured");
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const wait = {
    what: `units ${inputs.units.join(", ")}`,
    timeoutSeconds: inputs.timeoutSeconds,
    lookAt: "`fleetctl list-units` on a machine",
  };
  try {
    let asked = 0;
    await waitUntil(wait, async () => {
      const missing = await lackingOf(fleet, inputs.units);
      asked += 1;
      // Agents look every five seconds; writing the wish again makes them look now. It helps at the start only.
      if (missing && asked <= 5) {
        const lacking = inputs.units.filter((unit) => missing.includes(unit));
        await Promise.all(lacking.map((unit) => fleet.put(unit, "launched")));
      }
      return missing;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}${await failures(connection, fleet, inputs.units)}`);
  }
  return { id: inputs.units.join(), outs: inputs };
}

export async function update(
  _id: string,
  _old: RolloutInputs,
  news: RolloutInputs,
): Promise<dynamic.UpdateResult<RolloutInputs>> {
  const { outs } = await create(news);
  return outs ? { outs } : {};
}

async function remove(): Promise<void> {}

export { remove as delete };
