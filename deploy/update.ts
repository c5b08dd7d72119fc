import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { root } from "./environment";
import type { Progress } from "./steps";
import { type Mark, removeMark, writeMark } from "./update-mark";

/** Lines of `pulumi up` that tell a reader nothing new. */
const noise =
  /^\s*$|^\s*at .+:\d+:\d+\)?$|^Updating \(|^@ |^Duration:|^Resources:|^\s+\d+ unchanged|View Live|Permalink/;

/**
 * `pulumi up`, its events passed on as they come. A first SIGINT or SIGTERM reaches pulumi once: from the
 * terminal, which sends it to the whole group, or else from here. A second one makes it drop what it is doing.
 */
export async function update(
  stack: string,
  env: Record<string, string>,
  mark: Mark,
  progress: Progress,
): Promise<string> {
  mkdirSync(dirname(progress.log), { recursive: true });
  writeMark(stack, mark);
  const log = createWriteStream(progress.log, { flags: "a" });
  const child = spawn(
    "pulumi",
    ["up", "--yes", "--skip-preview", "--non-interactive", "--color", "never", "--stack", stack],
    { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );

  let cancelling = false;
  let tail: string[] = [];
  const said = new Set<string>();
  let summary = "";
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      log.write(`${line}\n`);
      if (/received; cancelling/.test(line)) cancelling = true;
      tail = [...tail.slice(-60), line];
      const count = /^\s+([+~-].*|\d+ (created|updated|deleted|replaced).*)$/.exec(line)?.[1];
      if (count && /^[+~-]+ ?\d+ (created|updated|deleted|replaced)/.test(count))
        summary += `${count.trim()} `;
      // The diagnostics at the end say all again that was said when it happened; outputs come after the steps.
      const text = withoutStack(line);
      if (/^(Diagnostics|Outputs|Resources):$/.test(line)) ended = true;
      if (ended || noise.test(text) || said.has(text)) return;
      said.add(text);
      progress.say(text);
    });
  }
  let signals = 0;
  const interrupted = () => {
    signals += 1;
    if (signals > 1) child.kill("SIGINT");
    else
      setTimeout(() => {
        if (!cancelling) child.kill("SIGINT");
      }, 1000).unref();
  };
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  try {
    const how = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ?? code ?? 1));
    });
    if (how !== 0) {
      const failing = tail.filter((line) => /error|failed/i.test(line)).map(withoutStack);
      const errors = [...new Set(failing)].slice(-15);
      throw new Error(
        `pulumi up ended with ${how}. ${cancelling ? "Interrupted; " : ""}./deploy.sh ${stack} goes on from here.\n${errors.join("\n")}${inTheWay(mark)}`,
      );
    }
    removeMark(stack);
    return summary.trim() || "no changes";
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    log.end();
  }
}

/** What the program itself says is shown as the stack's, and once more as a diagnostic. */
const withoutStack = (line: string): string =>
  line.trim().replace(/^(?:[+~-]+ +)?pulumi:pulumi:Stack \S+ (?:running|creating)(?: \(\d+s\))? ?/, "");

const inTheWay = ({ others = [] }: Mark): string =>
  others.length === 0
    ? ""
    : `\nNamed as this stack's are, there before, and left alone: ${others.join(", ")}. What is in the way and nobody's is yours to remove.`;
