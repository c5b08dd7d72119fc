import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCloudConfig } from "./cloud-config";
import { merge } from "./merge";
import { translate } from "./translate";

/** What fills the double braces of nodes/node.yaml. */
export interface NodeValues {
  readonly name: string;
  /** From 1; units choose a machine by it with MachineMetadata=index=1. */
  readonly index: string;
  readonly address: string;
  readonly prefixLength: string;
  readonly gateway: string;
  readonly mac: string;
  /** 32 hexadecimal digits. */
  readonly machineId: string;
  /** An authorized_keys line. */
  readonly operatorKey: string;
  /** An OpenSSH private key; the rendered Ignition is a secret for its sake. */
  readonly hostKey: string;
}

const template = join(__dirname, "node.yaml");

/**
 * Renders one machine's Ignition as JSON.
 * @param extra the stack's own cloud-config, laid over the node's.
 * @throws CloudConfigError when either is not valid.
 */
export function renderNode(values: NodeValues, extra?: string): string {
  const text = readFileSync(template, "utf8").replace(/^( *)(.*?)\{\{(\w+)\}\}(.*)$/gm, (line) => fill(line, values));
  const base = parseCloudConfig(text);
  return JSON.stringify(translate(extra ? merge(base, parseCloudConfig(extra)) : base));
}

/** A value of several lines keeps the indentation of the line it stands in. */
function fill(line: string, values: NodeValues): string {
  const indent = /^ */.exec(line)?.[0] ?? "";
  return line.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name as keyof NodeValues];
    if (value === undefined) throw new Error(`nodes/node.yaml names {{${name}}}, which no machine has`);
    return value.trimEnd().replaceAll("\n", `\n${indent}`);
  });
}
