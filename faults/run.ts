import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheDir } from "../deploy/cache";
import { ensureHostPackages } from "../deploy/host-packages";
import { ensureLibvirtd } from "../deploy/libvirtd";
import { duration, runSteps } from "../deploy/steps";
import type { Fault } from "./fault";
import { faults } from "./faults";
import { type MatrixOptions, matrix } from "./matrix";
import { draw, save, table } from "./report";
import { rolls } from "./rolls";

const all: readonly Fault[] = [...faults, ...rolls];
const width = Math.max(...all.map(({ name }) => name.length));
const listing = all.map(({ name, says }) => `  ${name.padEnd(width)}  ${says}`).join("\n");

const usage = `usage: npm run faults [-- [--kind container|emulated|kvm] [--only NAME[,NAME]] [--list]]

Makes a cluster, writes to it without a pause, lets one fault after another strike it, and rolls changes through it. Each time
it waits until the cluster is whole, and counts what was acknowledged and is not there. Prints a table; writes
faults/results.json and, when all was tried, faults/timeline-KIND.svg. It fails when a write is lost, when two lead at once,
when after a fault reads, writes or the scheduler take longer than promised, or when the cluster is not as declared
afterwards. The faults, and what is rolled:

${listing}

  --kind KIND      what machines are (default: container)
  --only NAME      only these, by the beginning of their names
  --list           print the faults' names and do nothing
  --stack NAME, --network CIDR, --containers CIDR
                   of the cluster (default: faults on 10.103.0.0/24 and 10.232.0.0/16)
`;

function chosenOf(only: string | undefined): readonly Fault[] {
  if (only === undefined) return all;
  const wanted = only.split(",").map((name) => name.trim());
  const unknown = wanted.filter((name) => !all.some((fault) => name && fault.name.startsWith(name)));
  if (unknown.length > 0)
    throw new Error(
      `--only ${unknown.join(", ")}: no such fault; write one of ${all.map(({ name }) => name).join(", ")}`,
    );
  return all.filter(({ name }) => wanted.some((each) => name.startsWith(each)));
}

function parse(): MatrixOptions | string {
  const { values } = parseArgs({
    options: {
      kind: { type: "string", default: "container" },
      only: { type: "string" },
      list: { type: "boolean" },
      stack: { type: "string", default: "faults" },
      network: { type: "string", default: "10.103.0.0/24" },
      containers: { type: "string", default: "10.232.0.0/16" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return usage;
  const { kind, stack, network, containers } = values;
  if (kind !== "container" && kind !== "emulated" && kind !== "kvm")
    throw new Error(`--kind ${kind}: write container, emulated or kvm`);
  const chosen = chosenOf(values.only);
  if (values.list) return `${chosen.map(({ name }) => name).join("\n")}\n`;
  return { faults: chosen, kind, stack, network, containers, say };
}

const begun = Date.now();
const say = (line: string): void =>
  console.log(`[${duration((Date.now() - begun) / 1000).padStart(11)}] ${line}`);

async function main(): Promise<void> {
  const options = parse();
  if (typeof options === "string") {
    process.stdout.write(options);
    return;
  }
  const logs = join(cacheDir(), "logs");
  mkdirSync(logs, { recursive: true });
  await runSteps(
    [
      { name: "packages", run: (progress) => ensureHostPackages(progress) },
      { name: "libvirt", after: ["packages"], run: (progress) => ensureLibvirtd(progress) },
    ],
    { write: (line) => console.log(line), logOf: (step) => join(logs, `faults-${step}.log`) },
  );
  const outcomes = await matrix({
    ...options,
    done: (outcome) => {
      const { kind, fault } = outcome.result;
      const file = join(logs, `faults-${kind}-${fault.replaceAll(" ", "-")}.json`);
      writeFileSync(file, JSON.stringify(outcome));
      save(outcome.result);
      if (outcome.broken.length > 0) say(`${fault}: every request is in ${file}`);
    },
  });
  if (options.faults.length === all.length && outcomes.length === all.length) draw(outcomes);
  console.log(`\n${table(outcomes.map(({ result }) => result))}`);
  const broken = outcomes.flatMap((each) => each.broken.map((what) => `${each.result.fault}: ${what}`));
  for (const each of broken) console.error(each);
  if (broken.length > 0 || outcomes.length < options.faults.length) process.exitCode = 1;
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
