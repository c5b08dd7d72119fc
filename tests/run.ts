import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheDir } from "../deploy/cache";
import { ensureHostPackages, hostPackages } from "../deploy/host-packages";
import { ensureLibvirtd } from "../deploy/libvirtd";
import { duration, runSteps } from "../deploy/steps";
import { cleanUp } from "./suite/clean-up";
import { Lanes } from "./suite/lanes";
import { allParts, type Part } from "./suite/parts";
import { endStragglers } from "./suite/processes";
import type { Count } from "./suite/run-part";

const usage = `usage: npm test [-- --fast | --thorough] [-- --only PATTERN] [-- --list]

  --fast           leave out virtual machines and faults (npm run test:fast)
  --thorough       with tests/thorough, which take long: updates killed at random moments, two hypervisors, a thousand keys
  --only PATTERN   only the parts whose name contains PATTERN, e.g. unit, provider, e2e/cluster, thorough/kills
  --list           print the parts and run nothing
`;

const logs = join(cacheDir(), "logs");

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      fast: { type: "boolean", default: false },
      thorough: { type: "boolean", default: false },
      only: { type: "string" },
      list: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(usage);
  // Who names a part wants it, however long it takes.
  const chosen = { fast: values.fast, thorough: values.thorough || values.only !== undefined };
  const parts = allParts(chosen).filter((part) => part.name.includes(values.only ?? ""));
  if (values.list) return console.log(parts.map(({ name }) => name).join("\n"));
  if (parts.length === 0) throw new Error(`no part's name contains ${values.only}`);

  mkdirSync(logs, { recursive: true });
  const needsHost = parts.some(({ name }) => /^(provider|contract|e2e|faults|thorough)/.test(name));
  if (needsHost && process.getuid?.() !== 0)
    throw new Error(
      "the parts with machines make and end them by themselves, as root: sudo npm test; without root: npm test -- --only unit",
    );
  await runSteps(
    [
      {
        name: "packages",
        run: (progress) =>
          ensureHostPackages(progress, { ...(needsHost ? hostPackages : {}), shellcheck: "shellcheck" }),
      },
      ...(needsHost ? [{ name: "libvirt", after: ["packages"], run: ensureLibvirtd }] : []),
    ],
    { write: (line) => console.log(line), logOf: (step) => join(logs, `tests-${step}.log`) },
  );

  const lanes = new Lanes();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      lanes.stop();
      void cleanUp().finally(() => {
        endStragglers();
        process.exit(130);
      });
    });
  }
  const total = { passed: 0, failed: 0 };
  const failures: string[] = [];
  try {
    if (needsHost) await cleanUp(); // a run that was killed leaves what its successor would stumble over
    const outcomes = await lanes.run(parts);
    console.log(`\n${longestFirst(outcomes)}`);
    for (const [{ name }, { passed, failed }] of outcomes) {
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) failures.push(name);
    }
  } finally {
    const removed = needsHost ? await cleanUp() : [];
    if (removed.length > 0) console.log(`\nleft by tests and removed: ${removed.join(", ")}`);
  }
  if (failures.length > 0) console.log(`\nfailed: ${failures.join(", ")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

/** A line for each part, with how long it took. */
const longestFirst = (outcomes: readonly [Part, Count][]): string =>
  [...outcomes]
    .sort(([, one], [, other]) => other.seconds - one.seconds)
    .map(([{ name }, { seconds }]) => `${duration(seconds).padStart(13)}  ${name}`)
    .join("\n");

main().catch((error: Error) => {
  console.log(error.message);
  console.log("\n0 passed, 1 failed");
  process.exitCode = 1;
});
