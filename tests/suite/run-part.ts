import { spawn } from "node:child_process";
import { duration } from "../../deploy/steps";
import { type Part, root } from "./parts";
import { endStragglers, marked } from "./processes";

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

/** Seconds without a line on the terminal, after which it is told that a part is at work. */
const silence = { "as it comes": 20, "at its end": 60 };

/**
 * Runs one part and counts from node's summary or the exit code.
 * @param write gets its output
 * @param shown when that is on the terminal
 */
export function runPart(
  part: Part,
  write: (text: string) => void,
  shown: keyof typeof silence,
): Promise<Count> {
  write(`\n── ${part.name}\n`);
  const begun = Date.now();
  return new Promise((done) => {
    const child = spawn(part.command[0] as string, part.command.slice(1), {
      cwd: root,
      // Colours and the outer runner's context would change what the tests print and count.
      env: { ...withoutNodeTest(process.env), ...part.env, ...marked(part.name) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let summary = "";
    let heard = Date.now();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (shown === "as it comes") heard = Date.now();
      summary = (summary + text).slice(-8000);
      write(text);
    });
    child.stderr.setEncoding("utf8").on("data", write);
    const heartbeat = setInterval(() => {
      if (Date.now() - heard < silence[shown] * 1000) return;
      heard = Date.now();
      console.log(`   ${part.name}: still at it after ${duration((Date.now() - begun) / 1000)}`);
    }, 1000);
    const limit = setTimeout(() => {
      write(`   ${part.name}: given up after ${part.minutes} min\n`);
      endStragglers(part.name);
    }, part.minutes * 60_000);
    const finish = (code: number | null, problem?: Error) => {
      clearInterval(heartbeat);
      clearTimeout(limit);
      if (problem) write(`${problem.message}\n`);
      const figure = (what: string) =>
        Number([...summary.matchAll(new RegExp(`^. ${what} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
      const passed = figure("pass");
      const failed = figure("fail") + figure("cancelled");
      const counted = passed + failed > 0;
      const seconds = (Date.now() - begun) / 1000;
      write(`   ${part.name}: ${code === 0 ? "passed" : "FAILED"} in ${duration(seconds)}\n`);
      if (code === 0) done({ passed: counted ? passed : 1, failed: 0, seconds });
      else done({ passed: counted ? passed : 0, failed: Math.max(1, failed), seconds });
    };
    child.once("error", (error) => finish(1, error));
    child.once("close", (code) => finish(code));
  });
}

function withoutNodeTest(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, FORCE_COLOR: __, ...rest } = env;
  return rest;
}
