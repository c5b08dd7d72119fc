import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, inTurn, median, type Options, type Result, ratio } from "./benchmark";
import { resources, timedPulumi, withStack } from "./cluster";
import { count, nothingProgram } from "./nothing";
import { withPeers } from "./peers";
import { bytesOf, isOfMachine } from "./state";

/** A running stack against a precompiled program with as many do-nothing resources over the same plugins. */
export const preview: Benchmark = {
  name: "preview",
  says: "no-op preview of a running stack; a machine's state",
  run: (options) =>
    withStack(options, async (stack) => {
      await stack.deploy();
      const stored = await resources(stack);
      const counts = count(stored.map(({ type }) => type));
      const machine = bytesOf(stored, (each) => isOfMachine(each, `taiga-${options.stack}`)) / 3;
      const folder = mkdtempSync(join(tmpdir(), "taiga-bench-preview-"));
      try {
        return await withPeers(folder, async (peer) => {
          const nothing = await peer("nothing", nothingProgram(counts, `${options.stack}-peer`, folder));
          const empty = await peer("empty", "");
          const subjects = {
            ours: () => timedPulumi(stack, "preview", "--expect-no-changes"),
            nothing: () => nothing.preview(),
            empty: () => empty.preview(),
          };
          await inTurn(1, () => {}, subjects); // warms caches
          return [
            ...results(options, await inTurn(options.rounds ?? 7, options.say, subjects)),
            { name: `state of a machine, ${options.kind}`, value: machine, unit: "bytes" },
          ];
        });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }),
};

function results(
  { kind }: Options,
  seconds: Readonly<Record<"ours" | "nothing" | "empty", number[]>>,
): Result[] {
  const name = `no-op preview, three ${kind} machines`;
  return [
    {
      name,
      value: ratio(seconds.ours, seconds.nothing),
      unit: "ratio",
      goal: 1.25,
      against: "as many do-nothing resources, precompiled",
    },
    { name, value: ratio(seconds.ours, seconds.empty), unit: "ratio", against: "an empty program" },
    { name, value: median(seconds.ours), unit: "seconds" },
  ];
}
