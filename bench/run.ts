import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { TestStack } from "../tests/support/stack";
import { writePeer } from "./peer";

/** One line of bench/results.json. A ratio is measured against its peer in the same run, in turn. */
interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: "ratio" | "seconds";
  readonly goal?: number;
  readonly against?: string;
}

const rounds = 5;
const results: Result[] = [];

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** No-op preview of a running cluster, against do-nothing resources and against an empty program. */
async function preview(): Promise<void> {
  const stack = new TestStack("e2eb", {
    "taiga:machines": { count: 3, kind: "container" },
    "taiga:protectData": false,
    "taiga:network": "10.96.0.0/24",
    "taiga:containers": "10.249.0.0/16",
  });
  const folder = mkdtempSync(join(tmpdir(), "taiga-peer-"));
  try {
    await stack.deploy();
    const state = JSON.parse(await stack.pulumi("stack", "export")) as {
      deployment: { resources: { type: string }[] };
    };
    const types = state.deployment.resources
      .map(({ type }) => type)
      .filter((type) => !type.startsWith("pulumi:"));
    const commands = types.filter((type) => type.startsWith("command:")).length;
    const peers = {
      nothing: { dynamic: types.length - commands, commands },
      empty: { dynamic: 0, commands: 0 },
    };
    const modules = join(stack.directory, "node_modules");
    for (const [name, counts] of Object.entries(peers)) {
      writePeer(join(folder, name), modules, counts);
      await peer(stack, join(folder, name), "stack", "init", "bench");
      await peer(stack, join(folder, name), "up", "--yes", "--skip-preview");
    }
    const ours: number[] = [];
    const nothing: number[] = [];
    const empty: number[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const times = [
        (
          await stack.start("pulumi", [
            "preview",
            "--stack",
            "e2eb",
            "--expect-no-changes",
            "--non-interactive",
          ]).finished
        ).seconds,
        await peer(stack, join(folder, "nothing"), "preview", "--expect-no-changes"),
        await peer(stack, join(folder, "empty"), "preview", "--expect-no-changes"),
      ] as const;
      if (round === 0) continue; // warms caches
      ours.push(times[0]);
      nothing.push(times[1]);
      empty.push(times[2]);
    }
    const ratio = (other: number[]) => median(ours.map((value, index) => value / (other[index] as number)));
    results.push(
      { name: "no-op preview of three container machines", value: median(ours), unit: "seconds" },
      {
        name: "no-op preview",
        value: ratio(nothing),
        unit: "ratio",
        goal: 1.25,
        against: `${types.length} do-nothing resources, precompiled`,
      },
      { name: "no-op preview", value: ratio(empty), unit: "ratio", against: "an empty program" },
    );
  } finally {
    await stack
      .pulumi("destroy", "--yes", "--skip-preview")
      .catch((error: Error) => console.error(error.message));
    stack.removeCheckout();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function peer(stack: TestStack, folder: string, ...args: string[]): Promise<number> {
  const env = { PULUMI_BACKEND_URL: `file://${folder}` };
  const command = args[0] === "stack" ? args : [...args, "--stack", "bench", "--non-interactive"];
  const done = await stack.start("pulumi", ["-C", folder, ...command], env).finished;
  if (done.code !== 0) throw new Error(`peer: pulumi ${args.join(" ")}\n${done.output}`);
  return done.seconds;
}

function report(): void {
  const rows = results.map(({ name, value, unit, goal, against }) => [
    name + (against ? ` against ${against}` : ""),
    unit === "ratio" ? `${value.toFixed(2)}×` : `${value.toFixed(2)} s`,
    goal ? `≤ ${goal}×` : "",
  ]);
  const width = Math.max(...rows.map(([name]) => (name as string).length));
  for (const [name, value, goal] of rows)
    console.log(`${(name as string).padEnd(width)}  ${(value as string).padStart(8)}  ${goal}`);
  const file = resolve(__dirname, "results.json");
  mkdirSync(resolve(__dirname), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

preview()
  .then(report)
  .catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
