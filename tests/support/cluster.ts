import { Connection } from "../../provider/connection";
import { TestStack } from "./stack";

const place = { name: "e2ef", network: "10.95.0.0/24", containers: "10.248.0.0/16" };

/**
 * A real cluster of three container machines without Taiga, as `./deploy.sh` makes it, and the way to it for a provider's
 * code. With E2E_KEEP=FOLDER it stays, and the next run finds it there.
 */
export class TestCluster {
  private constructor(
    readonly stack: TestStack,
    /** What a provider's `configure` gets. */
    readonly config: { get(key: string): string | undefined },
    readonly connection: Connection,
  ) {}

  static async start(): Promise<TestCluster> {
    const stack = new TestStack(
      place.name,
      {
        "taiga:machines": { count: 3, kind: "container" },
        "taiga:protectData": false,
        "taiga:network": place.network,
        "taiga:containers": place.containers,
      },
      process.env.E2E_KEEP,
    );
    try {
      stack.write("index.ts", program(""));
      await stack.deploy();
      const shown = await stack.pulumi("config", "--json", "--show-secrets");
      const values = JSON.parse(shown) as Record<string, { value?: string }>;
      const config = { get: (key: string) => values[key]?.value };
      return new TestCluster(stack, config, Connection.fromConfig(config));
    } catch (error) {
      await destroy(stack).catch(() => {}); // what was wrong comes first
      throw error;
    }
  }

  /** Gives the stack more to declare than its machines: statements of a program that has `cluster`. */
  declare(statements: string): void {
    this.stack.write("index.ts", program(statements));
  }

  async stop(): Promise<void> {
    await this.connection.close();
    await destroy(this.stack);
  }
}

async function destroy(stack: TestStack): Promise<void> {
  if (process.env.E2E_KEEP) return;
  await stack.pulumi("state", "unprotect", "--all", "--yes"); // a test that failed may have left something protected
  await stack.pulumi("destroy", "--yes", "--skip-preview");
  stack.removeCheckout();
}

/** The output has the cluster used: an import of which nothing is used is left out, with its machines. */
const program = (statements: string): string => `import { cluster } from "./tests/support/cluster-program";
${statements}
export const ready = cluster.ready.urn;
`;
