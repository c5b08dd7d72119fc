import { createCredentials, parseCredentials } from "../provider/credentials";
import { claim, foreignClaim } from "./claims";
import { type Backend, root } from "./environment";
import { takePlace } from "./place";
import { run } from "./run";
import { keepSecretsOutOfGit, restoreSecrets, saveSecrets } from "./saved-secrets";
import { hasCredentials, project, settings } from "./stack-file";
import { dropTornAttributes } from "./state-files";
import type { Progress } from "./steps";

/** Selects the stack, makes it where it does not exist, and gives it credentials and a place on this host. */
export async function ensureStack(
  stack: string,
  env: Record<string, string>,
  backend: Backend,
  progress: Progress,
): Promise<string> {
  const pulumi = (args: readonly string[], input?: string) =>
    run("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: root,
      env,
      log: progress.log,
      ...(input !== undefined && { input }),
    });

  /** Secrets, encrypted or not, belong in no log. */
  const unlogged = async (...args: string[]) =>
    (await run("pulumi", [...args, "--stack", stack], { cwd: root, env })).stdout;

  if (backend.kind === "local") {
    await keepSecretsOutOfGit(progress.log);
    restoreSecrets(stack, backend);
  }
  const notes: string[] = [];
  if (backend.directory)
    for (const name of dropTornAttributes(backend.directory, project))
      notes.push(`removed ${name}, which the engine was killed while writing`);
  progress.say(`selecting stack ${stack}`);
  await pulumi(["stack", "select", stack, "--create"]);

  const place = settings(stack);
  if (!hasCredentials(stack)) {
    await refuseToReplace(stack, () => unlogged("stack", "export"));
    const taken = await takePlace(place, stack);
    if (taken.prefix !== place.prefix || taken.network !== place.network) {
      await pulumi(["config", "set", "taiga:prefix", taken.prefix, "--stack", stack]);
      await pulumi(["config", "set", "taiga:network", taken.network, "--stack", stack]);
      notes.push(
        `${place.prefix} or ${place.network} is taken on this host, so this stack is ${taken.prefix} on ${taken.network}`,
      );
    }
    progress.say("making the stack's credentials: certificate authority, ssh key, seed");
    // By standard input: an argument would show in the process list.
    await pulumi(
      ["config", "set", "--secret", "taiga:credentials", "--stack", stack],
      JSON.stringify(await createCredentials(stack)),
    );
    notes.push("credentials made");
  } else if (!claim(place.prefix, place.network, stack)) {
    // Moved, all its machines would be made anew and their data lost.
    throw new Error(
      `stack ${stack} is ${place.prefix}, which the clone in ${foreignClaim(place.prefix, stack)?.clone} holds; is this a copy of it? ` +
        `To start a stack of its own here: rm -r .state, and take salt, credentials and prefix out of Pulumi.${stack}.yaml`,
    );
  }
  if (backend.kind === "local")
    await saveSecrets(stack, async () =>
      parseCredentials(await unlogged("config", "get", "taiga:credentials")),
    );
  return [`stack ${stack} on ${backend.says}`, ...notes].join("; ");
}

/** With other credentials, and maybe another prefix, all that a stack has would be made anew and its data lost. */
async function refuseToReplace(stack: string, exported: () => Promise<string>): Promise<void> {
  const { deployment } = JSON.parse(await exported()) as { deployment?: { resources?: { type: string }[] } };
  const made = (deployment?.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
  if (made.length === 0) return;
  throw new Error(
    `stack ${stack} has ${made.length} resources, and Pulumi.${stack}.yaml has lost the credentials they were made with. ` +
      "Bring back the file's lines `encryptionsalt` and `taiga:credentials`, from a copy or from your history. " +
      `If there is none, nobody can get into its machines: pulumi stack rm --force --preserve-config ${stack} forgets them, and what virsh lists of them can go`,
  );
}
