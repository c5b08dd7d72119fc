import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { depart } from "./departure";
import { listMembers, memberOf } from "./members";

export interface SeatInputs {
  readonly name: string;
  readonly address: string;
}

const { configure, connected } = configured("cluster.Seat");

export { configure };

export async function diff(_id: string, old: SeatInputs, news: SeatInputs): Promise<dynamic.DiffResult> {
  const replaces = (["name", "address"] as const).filter((field) => old[field] !== news[field]);
  return { changes: replaces.length > 0, replaces, deleteBeforeReplace: true };
}

export async function create(inputs: SeatInputs): Promise<dynamic.CreateResult<SeatInputs>> {
  return { id: inputs.name, outs: inputs };
}

/** Does nothing for a machine that stays, or that has left by its Membership. */
async function remove(_id: string, state: SeatInputs): Promise<void> {
  const connection = connected();
  if (connection.isPlanned(state)) return;
  if (memberOf(await listMembers(connection), state)) await depart(connection, state);
}

export { remove as delete };
