import type * as dynamic from "@pulumi/pulumi/dynamic";
import { type DesiredState, desiredStates, FleetClient } from "../clients/fleet";
import { type ConfigReader, Connection } from "../connection";
import { waitUntil } from "../progress";
import { isKnown } from "../unknown";
import { untilActive } from "./health";
import { Stopped, Turns } from "./turns";
import { formatUnitFile, parseUnitFile, readOptions, UnitFileError, type UnitOption } from "./unit-file";
import { checkUnitName, parseUnitName } from "./unit-name";

export interface UnitInputs {
  readonly name: string;
  /** The unit file's text. */
  readonly content: string;
  readonly desiredState: DesiredState;
  /** Named in errors. */
  readonly file?: string;
}

let connection: Connection | undefined;
/** Instances of a template change one after another; the next waits until the one before is active again. */
const turns = new Turns();

export async function configure(request: { config: ConfigReader }): Promise<void> {
  connection = Connection.fromConfig(request.config);
}

function connected(): { connection: Connection; fleet: FleetClient } {
  if (!connection) throw new Error("fleet.Unit was not configured");
  return { connection, fleet: new FleetClient(connection.machines, connection.ssh) };
}

/** Parsed and checked before anything is sent; contacts nothing. */
export async function check(_olds: UnitInputs, news: UnitInputs): Promise<dynamic.CheckResult<UnitInputs>> {
  const failures: dynamic.CheckFailure[] = [];
  const attempt = (property: keyof UnitInputs, action: () => void) => {
    try {
      if (isKnown(news[property])) action();
    } catch (error) {
      const reasons = error instanceof UnitFileError ? error.problems : [(error as Error).message];
      failures.push(...reasons.map((reason) => ({ property, reason })));
    }
  };
  attempt("name", () => checkUnitName(news.name));
  attempt("content", () => void optionsOf(news));
  attempt("desiredState", () => {
    if (desiredStates.includes(news.desiredState)) return;
    const wrong = JSON.stringify(news.desiredState);
    throw new Error(`${wrong} is no state of a unit; write one of ${desiredStates.join(", ")}`);
  });
  return { inputs: news, failures };
}

const optionsOf = (unit: UnitInputs): UnitOption[] =>
  parseUnitFile(unit.content, unit.file ?? unit.name, isKnown(unit.name) ? unit.name : undefined);

/** Comments and blanks are ours alone: fleet never sees them. */
const sameOptions = (one: string, other: string): boolean =>
  one === other ||
  (isKnown(one) && isKnown(other) && JSON.stringify(readOptions(one)) === JSON.stringify(readOptions(other)));

export async function diff(_id: string, old: UnitInputs, news: UnitInputs): Promise<dynamic.DiffResult> {
  const replaces = old.name === news.name ? [] : ["name"];
  const changes =
    replaces.length > 0 || !sameOptions(old.content, news.content) || old.desiredState !== news.desiredState;
  return { changes, replaces, deleteBeforeReplace: false };
}

/** Takes over a unit that is there with the same options: an update that was cut off has put it there. */
export async function create(inputs: UnitInputs): Promise<dynamic.CreateResult<UnitInputs>> {
  const { fleet } = connected();
  const options = optionsOf(inputs);
  const there = await fleet.unit(inputs.name);
  if (there && JSON.stringify(inOrder(there.options)) !== JSON.stringify(options)) {
    throw new Error(
      `${inputs.name} is in fleet already, with other options than ${inputs.file ?? "its content"} has; look at it ` +
        `with \`fleetctl cat ${inputs.name}\` on a machine (npm run ssh -- MACHINE), remove it with ` +
        `\`fleetctl destroy ${inputs.name}\`, then run this again`,
    );
  }
  await fleet.put(inputs.name, inputs.desiredState, options);
  return { id: inputs.name, outs: inputs };
}

/** fleet's JSON may have its fields in another order than ours. */
const inOrder = (options: readonly UnitOption[]): UnitOption[] =>
  options.map(({ section, name, value }) => ({ section, name, value }));

export async function read(id: string, props?: UnitInputs): Promise<dynamic.ReadResult<UnitInputs>> {
  const there = await connected().fleet.unit(id);
  if (!there) return {};
  const found = formatUnitFile(there.options);
  const known = props?.content;
  const content = known !== undefined && sameOptions(known, found) ? known : found;
  const now: UnitInputs = { ...props, name: id, content, desiredState: there.desiredState };
  return { id, props: now, inputs: { ...now } };
}

/** fleetd ignores new options on a unit it knows, so a changed file is a delete, then a create. */
export async function update(
  id: string,
  _old: UnitInputs,
  news: UnitInputs,
): Promise<dynamic.UpdateResult<UnitInputs>> {
  const { fleet } = connected();
  const put = async () => {
    const there = await fleet.unit(id);
    if (there && !sameOptions(formatUnitFile(there.options), news.content)) await remove(id);
    await fleet.put(id, news.desiredState, optionsOf(news));
  };
  if (news.desiredState !== "launched") {
    await put();
    return { outs: news };
  }
  try {
    await turns.take(parseUnitName(id)?.template ?? id, id, async () => {
      await put();
      await active(id, news);
    });
  } catch (error) {
    if (error instanceof Stopped) throw new Error(`${id}: ${error.message}`);
    throw error;
  }
  return { outs: news };
}

/**
 * From the moment the unit is put, what the engine must remember is the new file, or taking the edit back would look like
 * no change. It records what such an error carries, and updates the resource again next time.
 */
async function active(id: string, news: UnitInputs): Promise<void> {
  const { connection: cluster, fleet } = connected();
  const patience = { timeoutSeconds: 600, settleSeconds: 5 };
  await untilActive(cluster, fleet, [id], patience).catch((error: Error) => {
    throw Object.assign(error, { id, properties: news, reasons: [error.message] });
  });
}

/** Ends when no machine holds the unit any more: what comes after may take its place. */
async function remove(id: string): Promise<void> {
  const { fleet } = connected();
  await fleet.remove(id);
  await waitUntil(
    { what: `unit ${id} to stop`, timeoutSeconds: 120, lookAt: "`fleetctl list-units` on a machine" },
    async () => {
      const [states, machines] = await Promise.all([fleet.states(), fleet.listMachines()]);
      const held = states.filter(({ name }) => name === id);
      const on = held.map(
        ({ machineID }) => machines.find((machine) => machine.id === machineID)?.primaryIP ?? machineID,
      );
      return on.length === 0 ? undefined : `on ${on.join(", ")}`;
    },
  );
}

export { remove as delete };
