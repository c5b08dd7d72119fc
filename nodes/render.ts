import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCloudConfig } from "./cloud-config";
import { merge } from "./merge";
import type { NodeValues } from "./placeholders";
import { translate } from "./translate";

export type { NodeValues } from "./placeholders";

const template = join(__dirname, "node.yaml");

/**
 * Renders one machine's Ignition as JSON. It holds the machine's ssh host key: treat it as a secret.
 * @param extra the stack's own cloud-config, laid over the node's as nodes/merge.ts says. It may use the placeholders too.
 * @throws CloudConfigError naming every bad field of the one that is not valid.
 */
export function renderNode(values: NodeValues, extra?: string): string {
  const base = parseCloudConfig(readFileSync(template, "utf8"), { source: "nodes/node.yaml", values });
  if (!extra?.trim()) return JSON.stringify(translate(base));
  return JSON.stringify(
    translate(merge(base, parseCloudConfig(extra, { source: "taiga:cloudConfig", values }))),
  );
}
