import { readFileSync } from "node:fs";

/**
 * What a backup is encrypted with: the file's that was given, else the passphrase of the stack's secrets.
 * @param env the environment `pulumi` works in.
 * @throws Error where there is none, with what to do.
 */
export function passphraseOf(file: string | undefined, env: NodeJS.ProcessEnv): string {
  const given = file ?? env.TAIGA_BACKUP_PASSPHRASE_FILE;
  if (given) return fromFile(given);
  if (env.PULUMI_CONFIG_PASSPHRASE) return env.PULUMI_CONFIG_PASSPHRASE;
  if (env.PULUMI_CONFIG_PASSPHRASE_FILE) return fromFile(env.PULUMI_CONFIG_PASSPHRASE_FILE);
  throw new Error(
    "this stack's secrets have no passphrase that a backup could be encrypted with: write one to a file that only you can " +
      "read, and give it: --passphrase-file FILE",
  );
}

function fromFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim(); // as Pulumi reads its own
  } catch (error) {
    throw new Error(
      `the passphrase's file ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  if (text === "") throw new Error(`the passphrase's file ${path} is empty`);
  return text;
}
