import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { cacheDir } from "../deploy/cache";
import { root } from "../deploy/environment";
import { runSteps, type Step } from "../deploy/steps";
import type { Connection } from "../provider/connection";
import { amount, saying } from "./amount";
import { readArchive } from "./archive";
import {
  checkOwner,
  putConfiguration,
  readConfiguration,
  type StackConfiguration,
  withOwn,
} from "./configuration";
import { type ControlPlane, writeControlPlane } from "./control-plane";
import { restoreData } from "./data";
import { findLeader } from "./database";
import { withLock } from "./lock";
import { type Manifest, readManifest } from "./manifest";
import { passphraseOf } from "./passphrase";
import { BadFile, unseal } from "./sealed";
import { Pulumi } from "./stack";

const usage = `usage: npm run restore -- [--keep-machines] [--passphrase-file FILE] FILE

Brings the cluster that FILE (npm run backup) is of back to what it was: configuration, rows and media. The file is read to its end
first; one that is damaged, cut off or another's is refused before anything is changed. A cluster that is not there is made by
./deploy.sh, with --keep-machines of as many machines as this clone's configuration says. Where this clone has the stack,
taiga:database stays as its file has it. Interrupt it whenever you like and run it again: until the last of a few steps Taiga has what
it had.
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "keep-machines": { type: "boolean" },
      "passphrase-file": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const [given] = positionals;
  if (values.help || positionals.length !== 1 || !given) throw new Error(usage);
  const here = process.env.INIT_CWD ?? process.cwd();
  const file = resolve(here, given);

  let pulumi: Pulumi;
  let passphrase = "";
  let held: Held;
  let connection: Connection;
  const steps: Step[] = [
    {
      name: "file",
      run: async (progress) => {
        pulumi = await Pulumi.find(progress);
        const named = values["passphrase-file"];
        passphrase = passphraseOf(named && resolve(here, named), { ...process.env, ...pulumi.env });
        progress.say("reading it to its end, before anything is changed");
        held = await check(file, passphrase, saying(progress, "read"));
        const { manifest, bytes } = held;
        return `stack ${manifest.stack}, made ${manifest.made}: ${amount(bytes)}, whole`;
      },
    },
    {
      name: "configuration",
      after: ["file"],
      run: async () => {
        const { stack } = held.manifest;
        const present = (await pulumi.has(stack)) ? await readConfiguration(pulumi, stack) : undefined;
        if (present) checkOwner(stack, present, held.configuration);
        const keepMachines = values["keep-machines"] ?? false;
        return putConfiguration(
          pulumi,
          stack,
          present ? withOwn(present, held.configuration, { keepMachines }) : held.configuration,
        );
      },
    },
    { name: "cluster", after: ["configuration"], run: () => deploy(held.manifest.stack) },
    {
      name: "data",
      after: ["cluster"],
      run: async (progress) => {
        connection = await pulumi.connect(held.manifest.stack);
        try {
          return await withLock(connection, async () => {
            const leader = await findLeader(connection);
            const said = await restoreData(connection, leader, readParts(file, passphrase), progress);
            const { keys, units } = await writeControlPlane(connection, held.controlPlane);
            return `${said}; ${keys} keys and ${units} units of your own`;
          });
        } finally {
          await connection.close();
        }
      },
    },
  ];
  const write = (line: string) => console.error(line);
  const logOf = (step: string) => join(cacheDir(), "logs", `restore-${step}.log`);
  await runSteps(steps, { write, logOf, everySeconds: 60 }); // ./deploy.sh tells its own progress
}

interface Held {
  readonly manifest: Manifest;
  readonly configuration: StackConfiguration;
  readonly controlPlane: ControlPlane;
  readonly bytes: number;
}

/** Reads all of the file. @throws BadFile */
async function check(file: string, passphrase: string, progress: (bytes: number) => void): Promise<Held> {
  const texts = new Map<string, unknown>();
  let bytes = 0;
  try {
    for await (const entry of readArchive(await unseal(file, passphrase))) {
      if (entry.kind === "text") {
        texts.set(entry.name, entry.value);
        if (texts.size === 1) readManifest(texts.get("manifest")); // another's file is not read to its end
      } else {
        bytes += entry.data.length;
        progress(bytes);
      }
    }
    const manifest = readManifest(texts.get("manifest"));
    for (const name of ["configuration", "control-plane"])
      if (!texts.has(name)) throw new BadFile(`has no ${name}`);
    return {
      manifest,
      configuration: texts.get("configuration") as StackConfiguration,
      controlPlane: texts.get("control-plane") as ControlPlane,
      bytes: statSync(file).size,
    };
  } catch (error) {
    if (!(error instanceof BadFile)) throw error;
    throw new Error(
      `${error.message.startsWith(file) ? "" : `${file} `}${error.message}. Nothing was changed.`,
    );
  }
}

async function* readParts(file: string, passphrase: string) {
  for await (const entry of readArchive(await unseal(file, passphrase)))
    if (entry.kind === "part") yield entry;
}

/** ./deploy.sh, which makes what is not there and goes on from what is. */
function deploy(stack: string): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env.TAIGA_ENTRY;
  return new Promise((done, fail) => {
    const child = spawn(join(root, "deploy.sh"), [stack], { cwd: root, env, stdio: ["ignore", 2, 2] });
    child.once("error", fail);
    child.once("close", (code, signal) =>
      code === 0
        ? done("as the configuration says")
        : fail(
            new Error(`./deploy.sh ${stack} ended with ${signal ?? code}; run this again to go on from here`),
          ),
    );
  });
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
