import type * as dynamic from "@pulumi/pulumi/dynamic";
import { type DesiredState, FleetClient } from "../clients/fleet";
import { type ConfigReader, Connection } from "../connection";
import { waitUntil } from "../progress";
import { failures, lackingOf } from "./health";
import { checkUnitName, formatUnitFile, parseUnitFile, UnitFileError } from "./unit-file";

export interface UnitInputs {
  readonly name: string;
  /** The unit file's text. */
  readonly content: string;
  readonly desiredState: DesiredState;
  /** Named in errors. */
  readonly file?: string;
}

let connection: Connection | undefined;
let fleet: FleetClient | undefined;
/** One update at a time for each template: the next instance waits until this one is up again. */
const rolling = new Map<string, Promise<void>>();

export async function configure(request: { config: ConfigReader }): Promise<void> {
  connection = Connection.fromConfig(request.config);
  fleet = new FleetClient(connection.machines, connection.ssh);
}

function connected(): { connection: Connection; fleet: FleetClient } {
  if (!connection || !fleet) throw new Error("fleet.Unit was not configured");
  return { connection, fleet };
}

const states: readonly string[] = ["inactive", "loaded", "launched"];

/** Parsed and checked before anything is sent; contacts nothing. */
export async function check(_olds: UnitInputs, news: UnitInputs): Promise<dynamic.CheckResult<UnitInputs>> {
  const failed: dynamic.CheckFailure[] = [];
  const attempt = (property: string, action: () => void) => {
    try {
      action();
    } catch (error) {
      const reasons = error instanceof UnitFileError ? error.problems : [(error as Error).message];
      failed.push(...reasons.map((reason) => ({ property, reason })));
    }
  };
  if (typeof news.name === "string") attempt("name", () => checkUnitName(news.name));
  if (typeof news.content === "string")
    attempt("content", () => parseUnitFile(news.content, news.file ?? news.name));
  if (typeof news.desiredState === "string" && !states.includes(news.desiredState)) {
    failed.push({
      property: "desiredState",
      reason: `${JSON.stringify(news.desiredState)} is no state; write one of ${states.join(", ")}`,
    });
  }
  return { inputs: news, failures: failed };
}

const optionsOf = (unit: UnitInputs) => parseUnitFile(unit.content, unit.file ?? unit.name);
const sameOptions = (one: UnitInputs, other: UnitInputs) =>
  one.content === other.content || JSON.stringify(optionsOf(one)) === JSON.stringify(optionsOf(other));

export async function diff(_id: string, old: UnitInputs, news: UnitInputs): Promise<dynamic.DiffResult> {
  return {
    changes: !sameOptions(old, news) || old.desiredState !== news.desiredState || old.name !== news.name,
    replaces: old.name === news.name ? [] : ["name"],
    deleteBeforeReplace: false,
  };
}

export async function create(inputs: UnitInputs): Promise<dynamic.CreateResult<UnitInputs>> {
  const { fleet: client } = connected();
  const there = await client.unit(inputs.name);
  const options = optionsOf(inputs);
  if (there && JSON.stringify(there.options) !== JSON.stringify(options)) {
    throw new Error(
      `${inputs.name} is in fleet already with other options; \`fleetctl destroy ${inputs.name}\` on a machine, then again`,
    );
  }
  await client.put(inputs.name, inputs.desiredState, options);
  return { id: inputs.name, outs: inputs };
}

export async function read(id: string, props?: UnitInputs): Promise<dynamic.ReadResult<UnitInputs>> {
  const there = await connected().fleet.unit(id);
  if (!there) return {};
  const content = formatUnitFile(there.options);
  const now = { ...(props ?? {}), name: id, content, desiredState: there.desiredState } as UnitInputs;
  return { id, props: props && sameOptions(props, now) ? { ...now, content: props.content } : now };
}

/** fleetd ignores new options on a unit it knows, so a changed file is a delete, then a create. */
export async function update(
  id: string,
  old: UnitInputs,
  news: UnitInputs,
): Promise<dynamic.UpdateResult<UnitInputs>> {
  const { fleet: client } = connected();
  if (sameOptions(old, news)) {
    await client.put(id, news.desiredState);
    return { outs: news };
  }
  const template = id.replace(/@.*\./, "@.");
  const before = rolling.get(template) ?? Promise.resolve();
  const turn = before.then(async () => {
    await remove(id);
    await client.put(id, news.desiredState, optionsOf(news));
    if (news.desiredState === "launched") await untilActive(id);
  });
  rolling.set(template, turn);
  await turn;
  return { outs: news };
}

async function untilActive(id: string): Promise<void> {
  const { connection: cluster, fleet: client } = connected();
  try {
    await waitUntil(
      { what: `unit ${id}`, timeoutSeconds: 600, lookAt: `\`fleetctl journal ${id}\` on a machine` },
      async () => {
        const missing = await lackingOf(client, [id]);
        if (missing) await client.put(id, "launched"); // agents look every five seconds; a write makes them look now
        return missing;
      },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}${await failures(cluster, client, [id])}`);
  }
}

async function remove(id: string): Promise<void> {
  const { fleet: client } = connected();
  await client.remove(id);
  await waitUntil(
    { what: `unit ${id} to stop`, timeoutSeconds: 120, lookAt: "`fleetctl list-units` on a machine" },
    async () => {
      const left = (await client.states()).filter(({ name }) => name === id);
      return left.length === 0 ? undefined : `${left.length} machines still hold it`;
    },
  );
}

async function destroy(id: string): Promise<void> {
  await remove(id);
}

export { destroy as delete };
