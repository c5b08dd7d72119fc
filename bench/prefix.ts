import { join } from "node:path";
import { root } from "../deploy/environment";
import type { Result } from "./benchmark";
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

/** Many keys as one etcd.Prefix, against an etcd.Key for each, and against a loop of etcdctl. */
export const prefix = ofKeys(
  {
    name: "prefix",
    says: "1,000 keys as one etcd.Prefix created, unchanged, changed and destroyed; its state",
  },
  96,
  measure,
);

async function measure({ options, count, folder, etcd }: Bench): Promise<Result[]> {
  const ours = await programOn(etcd, join(folder, "ours"), prefixProgram(count));
  const keys = await programOn(etcd, join(folder, "keys"), keyProgram(count));
  const loop = await Loop.make(join(folder, "loop"), etcd, count);
  const { took, grown } = await throughPhases(options, ours, {
    ours: (phase) => step(ours, phase),
    keys: (phase) => step(keys, phase),
    loop: (phase) => loop.run(phase),
  });

  const number = count.toLocaleString("en");
  const what = `${number} keys as one prefix`;
  return [
    ...compared(what, took, "keys", `${number} etcd.Key`),
    ...compared(what, took, "loop", "a loop of etcdctl"),
    {
      name: `state of a prefix of ${number} keys, beside their values`,
      value: grown - valueBytes(count),
      unit: "bytes",
    },
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
