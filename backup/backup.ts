import { createWriteStream, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { cacheDir } from "../deploy/cache";
import { runSteps, type Step } from "../deploy/steps";
import type { Machine, RunningCommand } from "../provider/clients/ssh";
import type { Connection } from "../provider/connection";
import { amount, saying } from "./amount";
import { ArchiveWriter } from "./archive";
import { readConfiguration, type StackConfiguration } from "./configuration";
import { type Deployment, readControlPlane } from "./control-plane";
import { dumpDatabase, findLeader, postgresVersion } from "./database";
import { withLock } from "./lock";
import { manifestOf } from "./manifest";
import { clock, mediaHolders, mediaStream, readMedia } from "./media";
import { passphraseOf } from "./passphrase";
import { seal } from "./sealed";
import { Pulumi } from "./stack";

const usage = `usage: npm run backup [-- [--stack STACK] [--passphrase-file FILE] [FILE]]

Writes a running cluster's rows, media, configuration and what else a restore needs to one file, encrypted with the passphrase of
the stack's secrets or the one in --passphrase-file. Taiga goes on meanwhile. The stack is the selected one, or PULUMI_STACK.
FILE is new; left out: STACK-TIME.age in this folder.
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: "string" },
      "passphrase-file": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help || positionals.length > 1) throw new Error(usage);
  const here = process.env.INIT_CWD ?? process.cwd(); // npm runs in the project's folder

  let pulumi: Pulumi;
  let stack = "";
  let passphrase = "";
  let configuration: StackConfiguration;
  let deployment: Deployment;
  let connection: Connection;
  let file = "";
  const steps: Step[] = [
    {
      name: "stack",
      run: async (progress) => {
        pulumi = await Pulumi.find(progress);
        stack = await pulumi.stackName(values.stack);
        const given = values["passphrase-file"];
        passphrase = passphraseOf(given && resolve(here, given), { ...process.env, ...pulumi.env });
        const time = new Date()
          .toISOString()
          .replace(/\.\d+Z$/, "Z")
          .replace(/[:-]/g, "");
        file = resolve(here, positionals[0] ?? `${stack}-${time}.age`);
        if (existsSync(file)) throw new Error(`${file} is there already; name a file that is not`);
        connection = await pulumi.connect(stack);
        configuration = await readConfiguration(pulumi, stack);
        const state = await pulumi.run(["stack", "export", "--stack", stack]);
        deployment = (JSON.parse(state) as { deployment?: Deployment }).deployment ?? {};
        return `stack ${stack}`;
      },
    },
    {
      name: "backup",
      after: ["stack"],
      run: async (progress) => {
        const partial = `${file}.partial`;
        const removed = () => {
          rmSync(partial, { force: true });
          process.exit(130);
        };
        process.once("SIGINT", removed).once("SIGTERM", removed);
        const archive = new ArchiveWriter();
        try {
          const sealed = await seal(archive.output, passphrase);
          const written = pipeline(sealed, createWriteStream(partial, { mode: 0o600, flush: true }));
          written.catch((error: Error) => archive.fail(error));
          const said = await withLock(connection, () =>
            write(archive, { stack, connection, configuration, deployment }, progress),
          ).catch((error: Error) => {
            archive.fail(error);
            throw error;
          });
          await written;
          renameSync(partial, file);
          return `${said}: ${amount(statSync(file).size)} in ${file}`;
        } finally {
          rmSync(partial, { force: true });
          process.off("SIGINT", removed).off("SIGTERM", removed);
          await connection.close();
        }
      },
    },
  ];
  const toTerminal = (line: string) => console.error(line);
  await runSteps(steps, { write: toTerminal, logOf: (step) => `${cacheDir()}/logs/backup-${step}.log` });
}

interface Source {
  readonly stack: string;
  readonly connection: Connection;
  readonly configuration: StackConfiguration;
  readonly deployment: Deployment;
}

/**
 * The media are read before the rows and again after them, then only what has come since: so every file that a row names is there,
 * whether it was uploaded or removed meanwhile.
 */
async function write(
  archive: ArchiveWriter,
  { stack, connection, configuration, deployment }: Source,
  progress: { say(text: string): void },
): Promise<string> {
  const leader = await findLeader(connection);
  await archive.text("manifest", manifestOf(stack, await postgresVersion(connection, leader)));
  await archive.text("configuration", configuration);
  await archive.text("control-plane", await readControlPlane(connection, deployment));
  const took = async (name: string, started: Promise<RunningCommand>): Promise<number> => {
    progress.say(`reading ${name}`);
    const { channel, finished } = await started;
    const bytes = await archive.stream(name, channel, saying(progress, name));
    await finished; // a command that fails has ended its output too
    return bytes;
  };
  let media = 0;
  const holders: { machine: Machine; since: number }[] = [];
  for (const [index, machine] of (await mediaHolders(connection, leader)).entries()) {
    holders.push({ machine, since: await clock(connection, machine) });
    media += await took(mediaStream("media", index), readMedia(connection, machine));
  }
  const rows = await took("database", dumpDatabase(connection, leader));
  for (const [index, { machine, since }] of holders.entries())
    await took(mediaStream("media-since", index), readMedia(connection, machine, since));
  await archive.finish();
  return `database ${amount(rows)}, media ${amount(media)}`;
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
