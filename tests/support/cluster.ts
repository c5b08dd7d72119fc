import { Connection } from "../../provider/connection";
import { TestStack } from "./stack";

const place = { name: "e2ef", network: "10.95.0.0/24", containers: "10.248.0.0/16", count: 3 };

/** The cluster's place, and what else its stack's file has, such as machines of another kind. */
type Given = Partial<typeof place> & { readonly config?: Readonly<Record<string, unknown>> };

/**
 * A real cluster of container machines without Taiga, three unless told, as `./deploy.sh` makes it, and the way to it for
 * a provider's code. With E2E_KEEP=FOLDER it stays, and the next run finds it there.
 */
export class TestCluster {
  /** What a provider's `configure` gets. */
  config: { get(key: string): string | undefined } = { get: () => undefined };
  readonly #connections: Connection[] = [];

  private constructor(readonly stack: TestStack) {}

  static async start({ config, ...given }: Given = {}): Promise<TestCluster> {
    const { name, network, containers, count } = { ...place, ...given };
    const stack = new TestStack(
      name,
      {
        "taiga:machines": { count, kind: "container" },
        "taiga:protectData": false,
        "taiga:network": network,
        "taiga:containers": containers,
        ...config,
      },
      process.env.E2E_KEEP,
    );
    try {
      const cluster = new TestCluster(stack);
      cluster.declare("");
      await stack.deploy();
      await cluster.load();
      return cluster;
    } catch (error) {
      await destroy(stack).catch(() => {}); // what was wrong comes first
      throw error;
    }
  }

  get connection(): Connection {
    const last = this.#connections.at(-1);
    if (!last) throw new Error("the cluster's configuration was not loaded");
    return last;
  }

  /** Reads the stack's configuration, again after it was changed. */
  async load(): Promise<void> {
    const values = await this.stack.configuration();
    this.config = { get: (key) => values[key]?.value };
    this.#connections.push(Connection.fromConfig(this.config));
  }

  /** Gives the stack more to declare than its machines: statements of a program that has `cluster`. */
  declare(statements: string): void {
    this.stack.write("index.ts", program(statements));
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) await connection.close();
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
export const program = (
  statements: string,
): string => `import { cluster } from "./tests/support/cluster-program";
${statements}
export const ready = cluster.ready.urn;
`;
