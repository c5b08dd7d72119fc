import { TestStack } from "../tests/support/stack";
import type { Options } from "./benchmark";
import type { Stored } from "./state";

/** A stack of three machines in a checkout of its own, and the end of both. Nothing is deployed yet. */
export async function withStack<T>(options: Options, action: (stack: TestStack) => Promise<T>): Promise<T> {
  const stack = new TestStack(options.stack, {
    "taiga:machines": { count: 3, kind: options.kind },
    "taiga:protectData": false,
    "taiga:network": options.network,
    "taiga:containers": options.containers,
  });
  try {
    return await action(stack);
  } finally {
    await stack
      .pulumi("destroy", "--yes", "--skip-preview")
      .catch((error: Error) => console.error(error.message));
    stack.removeCheckout();
  }
}

/** A command in the stack's checkout that must succeed. @returns the seconds it took. */
export async function timed(stack: TestStack, command: string, ...args: string[]): Promise<number> {
  const begun = performance.now();
  await stack.run(command, args);
  return (performance.now() - begun) / 1000;
}

/** `pulumi COMMAND` on the stack. @returns the seconds it took. */
export async function timedPulumi(stack: TestStack, ...args: string[]): Promise<number> {
  await stack.loadEnvironment();
  return timed(stack, "pulumi", ...args, "--stack", stack.name, "--non-interactive", "--color", "never");
}

/** The stack's resources, without the engine's own; secrets encrypted, as they are stored. */
export async function resources(stack: TestStack): Promise<Stored[]> {
  const { deployment } = JSON.parse(await stack.pulumi("stack", "export")) as {
    deployment: { resources: Stored[] };
  };
  return deployment.resources.filter(({ type }) => !type.startsWith("pulumi:"));
}

/** What the provider needs to reach the stack's machines. */
export async function configuration(stack: TestStack): Promise<Record<string, string>> {
  const all = await stack.configuration();
  const wanted = ["taiga:credentials", "taiga:machines", "taiga:network"];
  return {
    "taiga:prefix": `taiga-${stack.name}`,
    ...Object.fromEntries(wanted.map((key) => [key, all[key]?.value ?? ""])),
  };
}
