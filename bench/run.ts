import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheDir } from "../deploy/cache";
import { ensureEngine } from "../deploy/engine";
import { ensureHostPackages } from "../deploy/host-packages";
import { ensureLibvirtd } from "../deploy/libvirtd";
import { duration, runSteps } from "../deploy/steps";
import { buildArtifacts } from "../images/build";
import type { Benchmark, Options, Result } from "./benchmark";
import { deploy } from "./deploy";
import { fifty } from "./fifty";
import { keys } from "./keys";
import { opentofu } from "./opentofu";
import { prefix } from "./prefix";
import { preview } from "./preview";
import { save, table } from "./report";
import { units } from "./units";

const benchmarks: readonly Benchmark[] = [deploy, preview, fifty, keys, prefix, units, opentofu];
const names = benchmarks.map(({ name }) => name);

const usage = `usage: npm run bench [-- [--only NAME[,NAME]] [--rounds N] [--kind container|emulated|kvm] [--scale PART]]

Measures this project against what one would do without it, in turn and in one run. Prints a table; writes
bench/results.json and bench/results.svg. The benchmarks:

${benchmarks.map(({ name, says }) => `  ${name.padEnd(9)} ${says}`).join("\n")}

  --only NAME      only these; the other results stay as they are
  --rounds N       how often each is measured; the median of the ratios counts
  --kind KIND      what machines are (default: container)
  --scale PART     a part of the keys and units, such as 0.1, to try a benchmark out; writes no results
  --stack NAME, --network CIDR, --containers CIDR
                   of the cluster that is measured (default: e2eb on 10.96.0.0/24 and 10.249.0.0/16)
`;

function parse(): { chosen: readonly Benchmark[]; options: Options } | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      rounds: { type: "string" },
      kind: { type: "string", default: "container" },
      scale: { type: "string", default: "1" },
      stack: { type: "string", default: "e2eb" },
      network: { type: "string", default: "10.96.0.0/24" },
      containers: { type: "string", default: "10.249.0.0/16" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const only = values.only?.split(",") ?? names;
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`${unknown.join(", ")}: no such benchmark; write one of ${names.join(", ")}`);
  const { kind, stack, network, containers } = values;
  if (kind !== "container" && kind !== "emulated" && kind !== "kvm")
    throw new Error(`--kind ${kind}: write container, emulated or kvm`);
  const positive = (name: string, text: string): number => {
    if (Number(text) > 0) return Number(text);
    throw new Error(`--${name} ${text} is no positive number`);
  };
  return {
    chosen: benchmarks.filter(({ name }) => only.includes(name)),
    options: {
      ...(values.rounds && { rounds: positive("rounds", values.rounds) }),
      scale: positive("scale", values.scale),
      ...{ kind, stack, network, containers },
      say: (line) => console.error(`   ${line}`),
    },
  };
}

async function main(): Promise<void> {
  const parsed = parse();
  if (!parsed) return console.log(usage);
  const { chosen, options } = parsed;
  const logs = join(cacheDir(), "logs");
  mkdirSync(logs, { recursive: true });
  await runSteps(
    [
      { name: "packages", run: (progress) => ensureHostPackages(progress) },
      { name: "libvirt", after: ["packages"], run: (progress) => ensureLibvirtd(progress) },
      { name: "engine", run: async (progress) => (await ensureEngine(progress)).says },
      {
        name: "artefacts",
        after: ["packages"],
        run: async (progress) => {
          await buildArtifacts(progress.say);
          return undefined;
        },
      },
    ],
    { write: (line) => console.error(line), logOf: (step) => join(logs, `bench-${step}.log`) },
  );
  const results: Result[] = [];
  for (const benchmark of chosen) {
    const begun = Date.now();
    console.error(`\n── ${benchmark.name}: ${benchmark.says}`);
    const fresh = await benchmark.run(options);
    results.push(...fresh);
    if (options.scale === 1) save(fresh, false); // those after it may take an hour, or fail
    console.error(`   done in ${duration((Date.now() - begun) / 1000)}`);
  }
  console.log(`\n${table(results)}`);
  if (options.scale === 1 && chosen.length === benchmarks.length) save(results, true);
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
