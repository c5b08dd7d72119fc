import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, inTurn, median, type Options, type Result, ratio } from "./benchmark";
import { resourceTypes, timedPulumi, withStack } from "./cluster";
import { Program } from "./program";

/** How many resources a program has, by what they are made of. */
interface Counts {
  readonly dynamic: number;
  readonly command: number;
  readonly libvirt: number;
  readonly component: number;
}

/** A running stack against a precompiled program with as many do-nothing resources over the same plugins. */
export const preview: Benchmark = {
  name: "preview",
  says: "no-op preview of a running stack",
  run: (options) =>
    withStack(options, async (stack) => {
      await stack.deploy();
      const counts = count(await resourceTypes(stack));
      const folder = mkdtempSync(join(tmpdir(), "taiga-bench-preview-"));
      const peers: Program[] = [];
      const peer = async (name: string, text: string) => {
        const program = await Program.make(join(folder, name), { language: "javascript", text });
        peers.push(program);
        await program.up();
        return program;
      };
      try {
        const nothing = await peer("nothing", nothingProgram(counts, `${options.stack}-peer`, folder));
        const empty = await peer("empty", "");
        const subjects = {
          ours: () => timedPulumi(stack, "preview", "--expect-no-changes"),
          nothing: () => nothing.preview(),
          empty: () => empty.preview(),
        };
        await inTurn(1, () => {}, subjects); // warms caches
        return results(options, counts, await inTurn(options.rounds ?? 7, options.say, subjects));
      } finally {
        for (const program of peers)
          await program.destroy().catch((error: Error) => console.error(error.message));
        rmSync(folder, { recursive: true, force: true });
      }
    }),
};

function results(
  { kind }: Options,
  counts: Counts,
  seconds: Readonly<Record<"ours" | "nothing" | "empty", number[]>>,
): Result[] {
  const total = Object.values(counts).reduce((sum: number, each: number) => sum + each, 0);
  const name = `no-op preview, three ${kind} machines`;
  return [
    {
      name,
      value: ratio(seconds.ours, seconds.nothing),
      unit: "ratio",
      goal: 1.25,
      against: `${total} do-nothing resources, precompiled`,
    },
    { name, value: ratio(seconds.ours, seconds.empty), unit: "ratio", against: "an empty program" },
    { name, value: median(seconds.ours), unit: "seconds" },
  ];
}

function count(types: readonly string[]): Counts {
  const of = (pattern: RegExp) => types.filter((type) => pattern.test(type)).length;
  return {
    dynamic: of(/^pulumi-nodejs:/),
    command: of(/^command:/),
    libvirt: of(/^libvirt:/),
    component: of(/^taiga:/),
  };
}

/** libvirt's are a pool and empty volumes in it: the least that its plugin can make. */
const nothingProgram = ({ dynamic, command, libvirt, component }: Counts, pool: string, folder: string) =>
  `const pulumi = require("@pulumi/pulumi");
const command = require("@pulumi/command");
const libvirt = require("@pulumi/libvirt");
const nothing = { create: async () => ({ id: "x", outs: {} }), diff: async () => ({ changes: false }) };
const times = (count, make) => { for (let i = 0; i < count; i += 1) make(i); };
times(${dynamic}, (i) => new pulumi.dynamic.Resource(nothing, "nothing" + i, {}));
times(${command}, (i) => new command.local.Command("command" + i, { create: "true" }));
times(${component}, (i) => new pulumi.ComponentResource("nothing:index:Component", "component" + i, {}));
const pool = new libvirt.Pool("pool", { name: ${JSON.stringify(pool)}, type: "dir", target: { path: ${JSON.stringify(join(folder, "pool"))} } });
times(${libvirt - 1}, (i) => new libvirt.Volume("volume" + i, { name: "volume" + i, pool: pool.name, size: 4096 }));
`;
