import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestStack } from "../tests/support/stack";
import { type Benchmark, inTurn, median, type Result, ratio } from "./benchmark";
import { resources, timedPulumi } from "./cluster";
import { count, nothingProgram } from "./nothing";
import { withPeers } from "./peers";
import type { Program } from "./program";
import type { Recorded } from "./recorded";
import { bytesOf, isOfMachine } from "./state";

const name = "e2e50";

/** Ten clusters of five virtual machines. */
const fiftyMachines = `import * as pulumi from "@pulumi/pulumi";
import { Cluster } from "./components/cluster";
import { readSettings } from "./components/settings";
const credentials = new pulumi.Config("taiga").requireSecret("credentials");
for (let number = 1; number <= 10; number += 1) {
  const prefix = \`fifty-\${number}\`;
  const { settings } = readSettings({ prefix, network: \`10.\${110 + number}.0.0/24\`, machines: { count: 5 } });
  new Cluster(prefix, { settings, kind: "emulated", credentials, protectData: false });
}
`;

const prefixes = Array.from({ length: 10 }, (_, index) => `fifty-${index + 1}`);

/**
 * A program of fifty machines that nobody made, whose state is what it registers, against as many do-nothing resources and
 * against an empty program. A machine's state is then without what the engine and the plugins add: dependencies, times, defaults.
 */
export const fifty: Benchmark = {
  name: "fifty",
  says: "no-op preview of fifty machines, their state prepared; a machine's part of it",
  run: async (options) => {
    const folder = mkdtempSync(join(tmpdir(), "taiga-bench-fifty-"));
    const stack = new TestStack(name, {}, join(folder, "checkout"));
    try {
      stack.write("index.ts", fiftyMachines);
      await stack.run("npm", ["run", "credentials", "--", name]);
      const recorded = await record(stack);
      const counts = count(recorded.map(({ type }) => type).filter((type) => !type.startsWith("pulumi:")));
      const text = nothingProgram(counts, "e2e50-peer", folder);
      return await withPeers(folder, async (peer) => {
        const nothing = await peer("nothing", text);
        const empty = await peer("empty", "");
        await importState(stack, recorded, providersOf(nothing));
        const stored = await resources(stack);
        const isMachines = (each: (typeof stored)[number]) =>
          prefixes.some((prefix) => isOfMachine(each, prefix));
        const subjects = {
          ours: () => timedPulumi(stack, "preview", "--expect-no-changes"),
          nothing: () => nothing.preview(),
          empty: () => empty.preview(),
        };
        await inTurn(1, () => {}, subjects); // warms caches
        return [
          ...results(await inTurn(options.rounds ?? 7, options.say, subjects)),
          {
            name: "state of a virtual machine, as its program registers it",
            value: bytesOf(stored, isMachines) / 50,
            unit: "bytes",
          },
        ];
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function results(seconds: Readonly<Record<"ours" | "nothing" | "empty", readonly number[]>>): Result[] {
  const what = "no-op preview, fifty machines";
  const against = "as many do-nothing resources, precompiled";
  return [
    { name: what, value: ratio(seconds.ours, seconds.nothing), unit: "ratio", goal: 1.25, against },
    { name: what, value: ratio(seconds.ours, seconds.empty), unit: "ratio", against: "an empty program" },
    { name: what, value: median(seconds.ours), unit: "seconds" },
  ];
}

/** Configuration goes by standard input: it has secrets. */
async function record(stack: TestStack): Promise<Recorded[]> {
  const input = await stack.pulumi("config", "--json", "--show-secrets");
  const printed = execFileSync("node", ["--import", "tsx", "bench/recorded.ts", "index.ts", "taiga", name], {
    cwd: stack.directory,
    input,
    maxBuffer: 64 * 1024 * 1024,
    encoding: "utf8",
  });
  return JSON.parse(printed);
}

interface Stored extends Record<string, unknown> {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly parent?: string;
}

/** The engine makes a provider for each plugin; a program over the same plugins has the same ones. */
const providersOf = (program: Program): Stored[] =>
  program
    .resources<Stored>()
    .filter(({ type }) => type.startsWith("pulumi:providers:"))
    .map(({ parent: _, ...each }) => ({ ...each, urn: each.urn.replace("bench::bench", `${name}::taiga`) }));

async function importState(
  stack: TestStack,
  recorded: readonly Recorded[],
  providers: readonly Stored[],
): Promise<void> {
  const providerOf = (type: string) => {
    const plugin = type.split(":")[0];
    const found = providers.find((each) => each.type === `pulumi:providers:${plugin}`);
    return found && `${found.urn}::${found.id}`;
  };
  const all = new Map<string, Stored>(providers.map((each) => [each.urn, each]));
  for (const each of recorded) {
    const { parent, ...root } = each;
    const provider = each.custom ? providerOf(each.type) : undefined;
    all.set(
      each.urn,
      each.type === "pulumi:pulumi:Stack" ? root : { ...each, ...(provider && { provider }) },
    );
  }
  const exported = JSON.parse(await stack.pulumi("stack", "export")) as { deployment: object };
  const resources = parentsFirst(all);
  const state = { ...exported, deployment: { ...exported.deployment, resources } };
  const file = join(stack.directory, ".state/prepared.json");
  writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
  await stack.pulumi("stack", "import", "--file", file);
}

function parentsFirst(all: ReadonlyMap<string, Stored>): Stored[] {
  const ordered = new Map<string, Stored>();
  const add = (each: Stored) => {
    const parent = each.parent === undefined ? undefined : all.get(each.parent);
    if (parent && !ordered.has(parent.urn)) add(parent);
    ordered.set(each.urn, each);
  };
  for (const each of all.values()) add(each);
  return [...ordered.values()];
}
