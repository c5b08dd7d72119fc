import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fetchImage, packagesFor } from "../images/published";
import { untilAnswers } from "./answers";
import { buildArtifactsAsRoot } from "./artifacts";
import { cacheDir } from "./cache";
import { ensureEngine } from "./engine";
import { exportLines, findBackend, prepareState, pulumiEnvironment, pulumiHome } from "./environment";
import { ensureHostPackages, imagePackages, missingPackages } from "./host-packages";
import { probeKvm } from "./kvm-probe";
import { continuedInGroup, isContinued } from "./libvirt-group";
import { ensureLibvirtd } from "./libvirtd";
import { startMachines } from "./machines";
import { opening } from "./opening";
import { recover } from "./recovery";
import { run } from "./run";
import { ensureStack } from "./stack";
import { hasCredentials, hasSalt, imageChoice, namesImages, settings } from "./stack-file";
import { runSteps, type Step, StepFailed, timingTable } from "./steps";
import { update } from "./update";
import type { Mark } from "./update-mark";
import { ensureVolumesFolder } from "./volumes-folder";

const usage = `usage: ./deploy.sh [STACK] [--print-env]

Brings this host and a stack (default: dev) to a running Taiga: installs what is missing, builds what
cannot be downloaded, runs \`pulumi up\` and prints the address. Run it again at any time; it goes on
from where it was. STACK is made if it does not exist; Pulumi.STACK.yaml is its configuration.

  --print-env   print export lines for a plain \`pulumi\` and do nothing else:
                eval "$(./deploy.sh --print-env)"
  --help        this text

TAIGA_CACHE     where builds are kept (now: ${cacheDir()})
`;

const write = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { "print-env": { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const [stack = "dev", ...rest] = positionals;
  if (rest.length > 0 || !/^[a-z][a-z0-9-]{0,24}$/.test(stack)) {
    throw new Error(
      `a stack's name is one word of at most 25 of a-z, 0-9 and -, got: ${positionals.join(" ")}\n\n${usage}`,
    );
  }

  const backend = findBackend(process.env, pulumiHome());
  prepareState();
  const logs = join(cacheDir(), "logs");
  mkdirSync(logs, { recursive: true });
  const begun = new Date().toISOString().replace(/[:.]/g, "-");
  const logOf = (step: string) => join(logs, `${begun}-${stack}-${step.replaceAll(" ", "-")}.log`);

  let env: Record<string, string> = {};
  let mark: Mark = { others: [] };
  const engine: Step = {
    name: "engine",
    run: async (progress) => {
      const found = await ensureEngine(progress);
      env = pulumiEnvironment(found.bin, backend);
      return found.says;
    },
  };
  const makeStack: Step = {
    name: "stack",
    after: ["engine"],
    run: (progress) => ensureStack(stack, env, backend, progress),
  };

  if (values["print-env"]) {
    // Quick where there is nothing to make: this is for a shell that waits for it.
    const isMade = hasCredentials(stack) && (backend.kind !== "local" || hasSalt(stack));
    try {
      await runSteps(isMade ? [engine] : [engine, makeStack], { write, logOf });
    } finally {
      // A stack that cannot be made ready is looked into by pulumi too.
      if (env.PATH) process.stdout.write(`${exportLines(env)}\n`);
    }
    return;
  }

  const kvm = probeKvm();
  if (!isContinued()) write(opening(stack, backend, kvm, logs));
  if (process.getuid?.() !== 0) {
    const packages: Step = { name: "packages", run: (progress) => ensureHostPackages(progress) };
    if (missingPackages().length > 0) await runSteps([packages], { write, logOf });
    if (await continuedInGroup(write)) return;
  }

  const steps: Step[] = [
    { name: "packages", run: (progress) => ensureHostPackages(progress) },
    {
      name: "libvirt",
      after: ["packages"],
      run: async (progress) => {
        const found = await ensureLibvirtd(progress);
        await ensureVolumesFolder(progress.log);
        return found;
      },
    },
    engine,
    {
      name: "artefacts",
      after: ["packages"],
      run: async (progress) => {
        const image = imageChoice(stack);
        if (namesImages(stack)) await ensureHostPackages(progress, imagePackages);
        if (image.name !== "debian") await ensureHostPackages(progress, packagesFor(image));
        await Promise.all([
          buildArtifactsAsRoot(progress),
          ...(image.name === "debian" ? [] : [fetchImage(image, progress.say)]),
        ]);
        return `node image${image.name === "debian" ? "" : `, ${image.name} ${image.version}`} and payload are in the cache`;
      },
    },
    { ...makeStack, after: ["engine", "libvirt"] },
    {
      name: "recovery",
      after: ["stack"],
      run: async (progress) => {
        const { says, others } = await recover(stack, settings(stack), backend, env, progress);
        mark = { others };
        return says;
      },
    },
    {
      name: "machines",
      after: ["recovery", "artefacts"],
      run: (progress) => startMachines(settings(stack), progress),
    },
    {
      name: "pulumi up",
      after: ["machines"],
      everySeconds: 75, // whatever waits there says so once a minute by itself
      run: (progress) => {
        const { reason } = probeKvm(); // only now is there surely a QEMU for the trial guest
        if (reason !== kvm.reason) progress.say(reason);
        return update(stack, env, mark, progress);
      },
    },
  ];
  const timings = await runSteps(steps, { write, logOf });
  const table = timingTable(timings);
  writeFileSync(join(logs, `timings-${stack}.md`), `${table}\n`);
  write(`\n${table}\n`);

  const { stdout } = await run("pulumi", ["stack", "output", "--json", "--stack", stack], { env });
  const { url, caCertificate = "" } = JSON.parse(stdout) as { url?: string; caCertificate?: string };
  if (url === undefined) write("The program has no output `url`: nothing is asked to answer.");
  else {
    for (const path of ["", "api/v1/"]) await untilAnswers(new URL(path, url), caCertificate, write);
    write(`Taiga answers at ${url}`);
  }
  write(`For pulumi in this shell: eval "$(./deploy.sh ${stack === "dev" ? "" : `${stack} `}--print-env)"`);
}

main().catch((error: unknown) => {
  if (error instanceof StepFailed) {
    write(
      `\n${error.message}\n\nThe whole log of this step: ${error.log}\nRun ./deploy.sh again to go on from here.`,
    );
  } else write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
