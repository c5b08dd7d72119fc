import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestEtcd } from "../tests/support/etcd";
import { type Benchmark, inTurn, type Options, type Result, ratio } from "./benchmark";
import { Loop } from "./etcdctl-loop";
import { keyProgram, type Phase, phases, programOn, step, value } from "./key-phases";
import { ProviderMemory } from "./memory";
import { Program } from "./program";

const full = 1000;

/** etcd.Key as a user writes it, against an ordinary inline provider that does nothing, and against a loop of etcdctl. */
export const keys: Benchmark = {
  name: "keys",
  says: "1,000 etcd.Key created, unchanged, changed and destroyed; their state; the provider's memory",
  run: async (options) => {
    const count = Math.round(full * options.scale);
    const folder = mkdtempSync(join(tmpdir(), "taiga-bench-keys-"));
    const etcd = await TestEtcd.start(95);
    try {
      return await measure(options, count, folder, etcd);
    } finally {
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(options: Options, count: number, folder: string, etcd: TestEtcd): Promise<Result[]> {
  const ours = await programOn(etcd, join(folder, "ours"), keyProgram(count));
  const inline = await Program.make(join(folder, "inline"), {
    language: "javascript",
    text: inlineProgram(count),
  });
  const loop = await Loop.make(join(folder, "loop"), etcd, count);

  const memory: { ours: number[]; inline: number[] } = { ours: [], inline: [] };
  const watched = async (name: keyof typeof memory, program: Program, action: () => Promise<number>) => {
    const watch = new ProviderMemory(program);
    try {
      return await action();
    } finally {
      memory[name].push(watch.end());
    }
  };
  let bytes = 0;
  const took = Object.fromEntries(
    phases.map((phase) => [phase, { ours: [], inline: [], loop: [] }]),
  ) as unknown as Record<Phase, Record<"ours" | "inline" | "loop", number[]>>;
  const rounds = options.rounds ?? 1;
  for (let round = 0; round < rounds; round += 1) {
    const empty = ours.stateBytes();
    for (const phase of phases) {
      const seconds = await inTurn(1, (line) => options.say(`${phase}, ${line}`), {
        ours: () => watched("ours", ours, () => step(ours, phase)),
        inline: () => watched("inline", inline, () => step(inline, phase)),
        loop: () => loop.run(phase),
      });
      if (phase === "unchanged")
        bytes = (ours.stateBytes() - empty) / count - Buffer.byteLength(`${value}1-${count / 2}`);
      for (const name of ["ours", "inline", "loop"] as const)
        took[phase][name].push(seconds[name][0] as number);
    }
  }

  const number = count.toLocaleString("en");
  const sum = (name: "ours" | "inline") =>
    took.created[name].map((created, round) => created + (took.destroyed[name][round] as number));
  const against = `${number} inline dynamic resources that do nothing`;
  return [
    {
      name: `${number} keys created and destroyed`,
      value: ratio(sum("ours"), sum("inline")),
      unit: "ratio",
      goal: 0.7,
      against,
    },
    ...phases.map(
      (phase): Result => ({
        name: `${number} keys ${phase}`,
        value: ratio(took[phase].ours, took[phase].inline),
        unit: "ratio",
        against,
      }),
    ),
    ...phases.map(
      (phase): Result => ({
        name: `${number} keys ${phase}`,
        value: ratio(took[phase].ours, took[phase].loop),
        unit: "ratio",
        against: "a loop of etcdctl",
      }),
    ),
    { name: "state of a key, beside its value", value: bytes, unit: "bytes", goal: 1500 },
    {
      name: `memory of the provider's process at ${number} keys`,
      value: Math.max(...memory.ours),
      unit: "MiB",
    },
    {
      name: `memory of the provider's process at ${number} keys`,
      value: Math.max(...memory.ours) / Math.max(...memory.inline),
      unit: "ratio",
      against: "the inline provider's",
    },
  ];
}

const inlineProgram = (count: number) => `const pulumi = require("@pulumi/pulumi");
const nothing = {
  async check(olds, news) { return { inputs: news }; },
  async diff(id, olds, news) { return { changes: olds.key !== news.key || olds.value !== news.value }; },
  async create(inputs) { return { id: inputs.key, outs: inputs }; },
  async read(id, props) { return { id, props }; },
  async update(id, olds, news) { return { outs: news }; },
  async delete(id, props) {},
};
class Nothing extends pulumi.dynamic.Resource {
  constructor(name, args, options) { super(nothing, name, args, options); }
}
for (let i = 0; i < ${count}; i += 1)
  new Nothing("key-" + i, { key: "/bench/" + i, value: ${JSON.stringify(value)} + process.env.REVISION + "-" + i });
`;
