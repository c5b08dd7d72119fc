import { type ConfigReader, Connection } from "./connection";

/** What the module of a kind of resource has of the stack's configuration. */
interface Configured {
  /** The engine calls it first in a process, and once. @throws Error for a configuration that is none. */
  configure(request: { readonly config: ConfigReader }): Promise<void>;
  /** @throws Error before `configure`. */
  connected(): Connection;
}

/** @param kind as a program writes it, e.g. `etcd.Key`. */
export function configured(kind: string): Configured {
  let connection: Connection | undefined;
  return {
    configure: async ({ config }) => {
      connection = Connection.fromConfig(config);
    },
    connected: () => {
      if (!connection) throw new Error(`${kind} was not configured`);
      return connection;
    },
  };
}
