import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CloudConfig, parseCloudConfig } from "./cloud-config";
import { adapted, type Distribution, differences } from "./distribution";
import type { Ignition } from "./ignition";
import { merge } from "./merge";
import type { NodeValues } from "./placeholders";
import { translate } from "./translate";

export type { NodeValues } from "./placeholders";

/** What a stack and a pool add to the node's own description. */
export interface NodeAdditions {
  /** What the machine boots. Default: debian. */
  readonly distribution?: Distribution;
  /** The stack's own cloud-config, laid over the node's as nodes/merge.ts says. It may use the placeholders too. */
  readonly cloudConfig?: string;
  /** Whether the machine's processor is emulated, for which each question costs a second. Default: false. */
  readonly emulated?: boolean;
  /** What fleet is to know of the machine beside `index` and `name`. @example { disk: "ssd" } */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Renders one machine's Ignition as JSON. It holds the machine's ssh host key: treat it as a secret.
 * @throws CloudConfigError naming every bad field of the one that is not valid.
 */
export function renderNode(
  values: NodeValues,
  { distribution = "debian", cloudConfig, emulated = false, metadata = {} }: NodeAdditions = {},
): string {
  const { overlay, machineIdByKernel } = differences[distribution];
  const read = (file: string) =>
    parseCloudConfig(readFileSync(join(__dirname, file), "utf8"), { source: `nodes/${file}`, values });
  const parts = [adapted(read("node.yaml"), distribution)];
  if (overlay !== undefined) parts.push(read(`distributions/${overlay}`));
  if (emulated) parts.push(read("emulated.yaml"));
  if (Object.keys(metadata).length > 0) parts.push(metadataConfig(metadata));
  if (cloudConfig?.trim()) parts.push(parseCloudConfig(cloudConfig, { source: "taiga:cloudConfig", values }));
  const ignition = translate(parts.reduce(merge));
  if (!machineIdByKernel) return JSON.stringify(ignition);
  const argument = `systemd.machine_id=${values.machineId}`;
  return JSON.stringify({ ...ignition, kernelArguments: { shouldExist: [argument] } } satisfies Ignition);
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
