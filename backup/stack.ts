import { ensureEngine } from "../deploy/engine";
import { findBackend, prepareState, pulumiEnvironment, pulumiHome, root } from "../deploy/environment";
import { run } from "../deploy/run";
import type { Progress } from "../deploy/steps";
import { Connection } from "../provider/connection";

/** What `pulumi config --json --show-secrets` shows. */
export type Shown = Readonly<Record<string, { readonly value?: string; readonly objectValue?: unknown }>>;

/** `pulumi` as this clone has it. */
export class Pulumi {
  private constructor(readonly env: Record<string, string>) {}

  static async find(progress: Progress): Promise<Pulumi> {
    prepareState();
    const { bin } = await ensureEngine(progress);
    return new Pulumi(pulumiEnvironment(bin, findBackend(process.env, pulumiHome())));
  }

  async run(args: readonly string[], input?: string): Promise<string> {
    const { stdout } = await run("pulumi", [...args, "--non-interactive", "--color", "never"], {
      cwd: root,
      env: this.env,
      ...(input !== undefined && { input }),
    });
    return stdout;
  }

  /** The stack that is named, else PULUMI_STACK, else the one that is selected. */
  async stackName(named: string | undefined): Promise<string> {
    return named ?? process.env.PULUMI_STACK ?? (await this.run(["stack", "--show-name"])).trim();
  }

  async has(stack: string): Promise<boolean> {
    const all = JSON.parse(await this.run(["stack", "ls", "--json"])) as { name: string }[];
    return all.some(({ name }) => name === stack || name.endsWith(`/${stack}`));
  }

  async config(stack: string): Promise<Shown> {
    return JSON.parse(await this.run(["config", "--json", "--show-secrets", "--stack", stack])) as Shown;
  }

  /** The way to the stack's machines. */
  async connect(stack: string): Promise<Connection> {
    const shown = await this.config(stack);
    if (!shown["taiga:credentials"]?.value)
      throw new Error(`stack ${stack} has no credentials, so it was never deployed: ./deploy.sh ${stack}`);
    // A stack that says no prefix has its own name in its credentials, or is named here.
    const config = {
      get: (key: string) => shown[key]?.value || (key === "taiga:prefix" ? `taiga-${stack}` : undefined),
    };
    return Connection.fromConfig(config);
  }
}
