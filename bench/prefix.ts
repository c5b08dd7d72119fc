import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../deploy/environment";
import { TestEtcd } from "../tests/support/etcd";
import { type Benchmark, inTurn, type Options, type Result, ratio } from "./benchmark";
import { Loop } from "./etcdctl-loop";
import { keyProgram, type Phase, phases, programOn, step, value } from "./key-phases";

const full = 1000;

/** Many keys as one etcd.Prefix, against an etcd.Key for each, and against a loop of etcdctl. */
export const prefix: Benchmark = {
  name: "prefix",
  says: "1,000 keys as one etcd.Prefix created, unchanged, changed and destroyed; its state",
  run: async (options) => {
    const count = Math.round(full * options.scale);
    const folder = mkdtempSync(join(tmpdir(), "taiga-bench-prefix-"));
    const etcd = await TestEtcd.start(96);
    try {
      return await measure(options, count, folder, etcd);
    } finally {
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(options: Options, count: number, folder: string, etcd: TestEtcd): Promise<Result[]> {
  const ours = await programOn(etcd, join(folder, "ours"), prefixProgram(count));
  const keys = await programOn(etcd, join(folder, "keys"), keyProgram(count));
  const loop = await Loop.make(join(folder, "loop"), etcd, count);

  let bytes = 0;
  const took = Object.fromEntries(
    phases.map((phase) => [phase, { ours: [], keys: [], loop: [] }]),
  ) as unknown as Record<Phase, Record<"ours" | "keys" | "loop", number[]>>;
  for (let round = 0; round < (options.rounds ?? 1); round += 1) {
    const empty = ours.stateBytes();
    for (const phase of phases) {
      const seconds = await inTurn(1, (line) => options.say(`${phase}, ${line}`), {
        ours: () => step(ours, phase),
        keys: () => step(keys, phase),
        loop: () => loop.run(phase),
      });
      if (phase === "unchanged") bytes = ours.stateBytes() - empty - valueBytes(count);
      for (const name of ["ours", "keys", "loop"] as const)
        took[phase][name].push(seconds[name][0] as number);
    }
  }

  const number = count.toLocaleString("en");
  const compared = (peer: "keys" | "loop", against: string) =>
    phases.map(
      (phase): Result => ({
        name: `${number} keys as one prefix ${phase}`,
        value: ratio(took[phase].ours, took[phase][peer]),
        unit: "ratio",
        against,
      }),
    );
  return [
    ...compared("keys", `${number} etcd.Key`),
    ...compared("loop", "a loop of etcdctl"),
    { name: `state of a prefix of ${number} keys, beside their values`, value: bytes, unit: "bytes" },
  ];
}

/** Of all values, in the first revision. */
const valueBytes = (count: number): number =>
  Array.from({ length: count }, (_, i) => Buffer.byteLength(`${value}1-${i}`)).reduce(
    (sum, each) => sum + each,
    0,
  );

const prefixProgram = (count: number) => `import { etcd } from ${JSON.stringify(join(root, "provider"))};
const values = {};
for (let i = 0; i < ${count}; i += 1) values[i] = ${JSON.stringify(value)} + process.env.REVISION + "-" + i;
new etcd.Prefix("keys", { prefix: "/bench-prefix", values });
`;
