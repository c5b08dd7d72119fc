import type * as dynamic from "@pulumi/pulumi/dynamic";
import { type DesiredState, desiredStates, FleetClient, type FleetUnit } from "../clients/fleet";
import { configured } from "../configured";
import { difference } from "../difference";
import { isKnown } from "../unknown";
import { look } from "./gate/readings";
import { untilActive } from "./gate/until-active";
import { takeOut } from "./removal";
import { Stopped, Turns } from "./turns";
import { formatUnitFile, parseUnitFile, readOptions, UnitFileError, type UnitOption } from "./unit-file";
import { checkUnitName, parseUnitName } from "./unit-name";
import { company } from "./x-fleet";

export interface UnitInputs {
  readonly name: string;
  /** The unit file's text. */
  readonly content: string;
  readonly desiredState: DesiredState;
  /** Named in errors. */
  readonly file?: string;
  readonly adopt?: boolean;
}

const { configure, connected } = configured("fleet.Unit");

export { configure };

/** Instances of a template change one after another; the next waits until the one before is active again. */
const turns = new Turns();

const registry = (): FleetClient => {
  const { machines, ssh } = connected();
  return new FleetClient(machines, ssh);
};

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
  const differs = !sameOptions(old.content, news.content) || old.desiredState !== news.desiredState;
  return difference(old.name === news.name ? [] : ["name"], differs);
}

const isOf = (there: FleetUnit, content: string): boolean =>
  JSON.stringify(there.options) === JSON.stringify(readOptions(content));

/** Takes over a unit that is there with the same options: an update that was cut off has put it there. */
export async function create(inputs: UnitInputs): Promise<dynamic.CreateResult<UnitInputs>> {
  const there = await registry().unit(inputs.name);
  if (there && !isOf(there, inputs.content)) {
    if (!inputs.adopt) throw new Error(taken(inputs));
    await roll(inputs.name, formatUnitFile(there.options), inputs);
  } else await put(inputs);
  return { id: inputs.name, outs: inputs };
}

const taken = ({ name, file }: UnitInputs): string =>
  `${name} is in fleet already, with other options than ${file ?? "its content"} has; look at it ` +
  `with \`fleetctl cat ${name}\` on a machine (npm run ssh -- MACHINE); set adopt: true to replace it, or remove it ` +
  `with \`fleetctl destroy ${name}\`, then run this again`;

/** fleet does not say when it ignores options; that it found a unit, it does. */
async function put(inputs: UnitInputs): Promise<void> {
  const fleet = registry();
  const { name, content, desiredState } = inputs;
  if ((await fleet.put(name, desiredState, optionsOf(inputs))) === "created") return;
  const there = await fleet.unit(name);
  if (!there || !isOf(there, content)) throw new Error(taken(inputs)); // somebody was quicker
}

export async function read(id: string, props?: UnitInputs): Promise<dynamic.ReadResult<UnitInputs>> {
  const there = await registry().unit(id);
  if (!there) return {};
  const found = formatUnitFile(there.options);
  const known = props?.content;
  const content = known !== undefined && sameOptions(known, found) ? known : found;
  const now: UnitInputs = { ...props, name: id, content, desiredState: there.desiredState };
  return { id, props: now, inputs: { ...now } };
}

export async function update(
  id: string,
  old: UnitInputs,
  news: UnitInputs,
): Promise<dynamic.UpdateResult<UnitInputs>> {
  await roll(id, old.content, news);
  return { outs: news };
}

/** One instance of a template after another, each behind the one before; sidekicks take turns with the units they go with. */
async function roll(id: string, known: string, news: UnitInputs): Promise<void> {
  if (news.desiredState !== "launched") return replace(id, known, news);
  const [leader = id] = company(id, readOptions(news.content));
  try {
    await turns.take(parseUnitName(leader)?.template ?? leader, id, async () => {
      await replace(id, known, news);
      await active(id, news);
    });
  } catch (error) {
    if (error instanceof Stopped) throw new Error(`${id}: ${error.message}`);
    throw error;
  }
}

/** The units in fleet that must be where this one is. */
async function sidekicksOf(id: string): Promise<string[]> {
  const { units } = (await look(connected(), registry(), Date.now())).value;
  return units
    .filter(
      ({ name, options, desiredState }) => desiredState === "launched" && company(name, options).includes(id),
    )
    .map(({ name }) => name);
}

/** fleetd ignores new options on a unit it knows, so a changed file is a delete, then a create. */
async function replace(id: string, known: string, news: UnitInputs): Promise<void> {
  const there = await registry().unit(id);
  if (there && !isOf(there, news.content)) {
    if (!isOf(there, known)) throw new Error(changed(id));
    await takeOut(connected(), id, await sidekicksOf(id));
  }
  await put(news);
}

const changed = (id: string): string =>
  `${id} was changed by somebody else: fleet has other options than this stack knows; look at them with ` +
  `\`fleetctl cat ${id}\` on a machine, run \`pulumi refresh\` to take note of them, then the same command again`;

/**
 * From the moment the unit is put, what the engine must remember is the new file, or taking the edit back would look like
 * no change. It records what such an error carries, and updates the resource again next time.
 */
async function active(id: string, news: UnitInputs): Promise<void> {
  const cluster = connected();
  const fleet = registry();
  const patience = { timeoutSeconds: 600, settleSeconds: 5 };
  const whole = async () => untilActive(cluster, fleet, [id, ...(await sidekicksOf(id))], patience);
  await whole().catch((error: Error) => {
    throw Object.assign(error, { id, properties: news, reasons: [error.message] });
  });
}

/** A unit that somebody else has put in the place of ours stays. */
async function remove(id: string, props: UnitInputs): Promise<void> {
  const there = await registry().unit(id);
  if (there && !isOf(there, props.content)) throw new Error(changed(id));
  await takeOut(connected(), id, await sidekicksOf(id));
}

export { remove as delete };
