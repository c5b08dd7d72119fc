import { join } from "node:path";
import { type Result, ratio } from "./benchmark";
import { Loop } from "./etcdctl-loop";
import {
  type Bench,
  compared,
  keyProgram,
  ofKeys,
  programOn,
  step,
  throughPhases,
  value,
} from "./key-phases";
import { ProviderMemory } from "./memory";
import { Program } from "./program";

/** etcd.Key as a user writes it, against an ordinary inline provider that does nothing, and against a loop of etcdctl. */
export const keys = ofKeys(
  {
    name: "keys",
    says: "1,000 etcd.Key created, unchanged, changed and destroyed; their state; the provider's memory",
  },
  95,
  measure,
);

async function measure({ options, count, folder, etcd }: Bench): Promise<Result[]> {
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
  const { took, grown } = await throughPhases(options, ours, {
    ours: (phase) => watched("ours", ours, () => step(ours, phase)),
    inline: (phase) => watched("inline", inline, () => step(inline, phase)),
    loop: (phase) => loop.run(phase),
  });

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
    ...compared(`${number} keys`, took, "inline", against),
    ...compared(`${number} keys`, took, "loop", "a loop of etcdctl"),
    {
      name: "state of a key, beside its value",
      value: grown / count - Buffer.byteLength(`${value}1-${count / 2}`),
      unit: "bytes",
      goal: 1500,
    },
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
