import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./cache";
import { ensureEngine } from "./engine";
import { findBackend, prepareState, pulumiEnvironment, pulumiHome } from "./environment";
import { ensureStack } from "./stack";
import { runSteps } from "./steps";

/**
 * `npm run credentials -- STACK`: makes the stack where it does not exist and gives it what deploy.sh gives a new one,
 * certificate authority, operator's ssh key and seed, without deploying anything. Present credentials are kept.
 */
async function main(): Promise<void> {
  const stack = process.argv[2];
  if (!stack) throw new Error("usage: npm run credentials -- STACK");
  prepareState();
  const backend = findBackend(process.env, pulumiHome());
  const logs = join(cacheDir(), "logs");
  mkdirSync(logs, { recursive: true });
  await runSteps(
    [
      {
        name: "stack",
        run: async (progress) => {
          const env = pulumiEnvironment((await ensureEngine(progress)).bin, backend);
          return ensureStack(stack, env, backend, progress);
        },
      },
    ],
    { write: (line) => console.error(line), logOf: (step) => join(logs, `credentials-${step}.log`) },
  );
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
