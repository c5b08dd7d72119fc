import type * as dynamic from "@pulumi/pulumi/dynamic";
import { type ConfigReader, Connection } from "../connection";
import { waitUntil } from "../progress";
import { clusterLacks } from "./health";

export interface ReadinessInputs {
  readonly machines: readonly { readonly name: string; readonly address: string }[];
  readonly revision: string;
}

let connection: Connection | undefined;

export async function configure(request: { config: ConfigReader }): Promise<void> {
  connection = Connection.fromConfig(request.config);
}

export async function diff(
  _id: string,
  old: ReadinessInputs,
  news: ReadinessInputs,
): Promise<dynamic.DiffResult> {
  return {
    changes: old.revision !== news.revision || old.machines.length !== news.machines.length,
    replaces: [],
  };
}

export async function create(inputs: ReadinessInputs): Promise<dynamic.CreateResult<ReadinessInputs>> {
  const cluster = connection;
  if (!cluster) throw new Error("cluster.Readiness was not configured");
  await waitUntil(
    {
      what: "cluster",
      timeoutSeconds: 900,
      lookAt: "npm run ssh -- MACHINE, then systemctl status etcd flanneld fleet",
    },
    () => clusterLacks(cluster, inputs.machines),
  );
  return { id: inputs.machines.map(({ name }) => name).join(), outs: inputs };
}

export async function update(
  _id: string,
  _old: ReadinessInputs,
  news: ReadinessInputs,
): Promise<dynamic.UpdateResult<ReadinessInputs>> {
  await create(news);
  return { outs: news };
}

async function remove(): Promise<void> {}

export { remove as delete };
