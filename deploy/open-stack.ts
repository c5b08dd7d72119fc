import { ensureEngine } from "./engine";
import { findBackend, pulumiEnvironment, pulumiHome, root } from "./environment";
import { run } from "./run";

/** A stack as an operator's command finds it. */
export interface OpenStack {
  readonly name: string;
  /** Configuration by `namespace:key`, secrets in the clear. */
  readonly config: Readonly<Record<string, { value?: string }>>;
  /** Runs `pulumi` on this stack; `input` goes to standard input, the place for anything secret. */
  pulumi(args: readonly string[], input?: string): Promise<string>;
}

/** Opens the stack of this name, by default PULUMI_STACK or the selected one. */
export async function openStack(wanted = process.env.PULUMI_STACK ?? ""): Promise<OpenStack> {
  const { bin } = await ensureEngine({ say: (line) => console.error(line), log: "/dev/null" });
  const env = pulumiEnvironment(bin, findBackend(process.env, pulumiHome()));
  const call = async (args: readonly string[], input?: string) => {
    const options = { cwd: root, env, ...(input !== undefined && { input }) };
    return (await run("pulumi", [...args, "--non-interactive"], options)).stdout;
  };
  const name = wanted || (await call(["stack", "--show-name"])).trim();
  const pulumi = (args: readonly string[], input?: string) => call([...args, "--stack", name], input);
  return { name, pulumi, config: JSON.parse(await pulumi(["config", "--json", "--show-secrets"])) };
}
