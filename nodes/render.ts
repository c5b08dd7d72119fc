import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CloudConfig, parseCloudConfig } from "./cloud-config";
import { merge } from "./merge";
import type { NodeValues } from "./placeholders";
import { translate } from "./translate";

export type { NodeValues } from "./placeholders";

const template = join(__dirname, "node.yaml");

/** What a stack and a pool add to the node's own description. */
export interface NodeAdditions {
  /** The stack's own cloud-config, laid over the node's as nodes/merge.ts says. It may use the placeholders too. */
  readonly cloudConfig?: string;
  /** What fleet is to know of the machine beside `index` and `name`. @example { disk: "ssd" } */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Renders one machine's Ignition as JSON. It holds the machine's ssh host key: treat it as a secret.
 * @throws CloudConfigError naming every bad field of the one that is not valid.
 */
export function renderNode(values: NodeValues, { cloudConfig, metadata = {} }: NodeAdditions = {}): string {
  const parts = [parseCloudConfig(readFileSync(template, "utf8"), { source: "nodes/node.yaml", values })];
  if (Object.keys(metadata).length > 0) parts.push(metadataConfig(metadata));
  if (cloudConfig?.trim()) parts.push(parseCloudConfig(cloudConfig, { source: "taiga:cloudConfig", values }));
  return JSON.stringify(translate(parts.reduce(merge)));
}

function metadataConfig(metadata: Readonly<Record<string, string>>): CloudConfig {
  const text = Object.entries(metadata).map(([key, value]) => `${key}=${value}`);
  return {
    ssh_authorized_keys: [],
    users: [],
    write_files: [],
    units: [],
    daemons: { fleet: { metadata: text.join(",") } },
  };
}
