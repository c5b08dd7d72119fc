import type { Problem } from "./problem";
import { productionFindings } from "./production";
import { readSettings, type Settings, unknownFields } from "./settings";
import { readTls, type TlsSettings } from "./tls-settings";

/** A stack's configuration as the engine hands it on: every value a text, mappings as JSON. */
export type StackConfig = Readonly<Record<string, string>>;

export interface StackReading {
  readonly settings: Settings;
  /** The gateways' certificate. */
  readonly tls: TlsSettings;
  /** Whether data volumes are protected from deletion. */
  readonly protectData: boolean;
  /** With any of these nothing is made. Each has the field, its value and what to write instead. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * Reads and checks all that a stack's file may say. Asks nothing of the host but the file that `taiga:cloudConfig` may name.
 * @param readText reads a file of the project's folder, and throws an error of node:fs.
 */
export function readStack(
  config: StackConfig,
  { project, stack }: { readonly project: string; readonly stack: string },
  readText: (path: string) => string,
): StackReading {
  const problems: Problem[] = unknownFields(Object.keys(config));
  // The schema in Pulumi.yaml gives what has no other default an empty text: the engine takes a key without one for required.
  const text = (key: string): string | undefined => config[`taiga:${key}`] || undefined;
  const mapping = (key: string): unknown => parsed(text(key));
  const boolean = (key: string, otherwise: boolean): boolean => {
    const value = text(key) ?? String(otherwise);
    if (value !== "true" && value !== "false")
      problems.push({
        field: `taiga:${key}`,
        message: `${JSON.stringify(value)} is neither; write true or false`,
      });
    return value === "true";
  };
  const optional = (key: string) => {
    const value = text(key);
    return value === undefined ? {} : { [key]: value };
  };
  const cloudConfig = cloudConfigOf(text("cloudConfig"), readText, problems);
  const libvirt = config["libvirt:uri"];
  const read = readSettings({
    prefix: text("prefix") ?? `${project}-${stack}`,
    machines: mapping("machines"),
    ...optional("network"),
    ...optional("containers"),
    ...optional("pool"),
    ...(libvirt === undefined ? {} : { libvirt }),
    hypervisors: mapping("hypervisors"),
    pools: mapping("pools"),
    link: mapping("link"),
    ...optional("entry"),
    ...optional("services"),
    back: mapping("back"),
    images: mapping("images"),
    database: mapping("database"),
    features: mapping("features"),
    email: mapping("email"),
    admin: mapping("admin"),
    production: boolean("production", false),
    ...(cloudConfig === undefined ? {} : { cloudConfig }),
  });
  const protectData = boolean("protectData", true);
  const { tls, ...ofTls } = readTls(mapping("tls"), read.settings.link.entry ?? read.settings.entry);
  problems.push(...read.problems, ...ofTls.problems);
  // What production asks is asked of settings that are right in themselves.
  const production =
    problems.length === 0 ? productionFindings(read.settings, protectData) : { problems: [], warnings: [] };
  return {
    settings: read.settings,
    tls,
    protectData,
    problems: [...problems, ...production.problems],
    warnings: [...read.warnings, ...ofTls.warnings, ...production.warnings],
  };
}

/** A problem as a user reads it. @example "Pulumi.dev.yaml taiga:machines.count: 7 is no number of members; write 1, 3 or 5" */
export const problemLine = (stack: string, { field, message }: Problem): string =>
  // A problem of one of the project's own files names that file itself.
  /^nodes\//.test(field) ? `${field}: ${message}` : `Pulumi.${stack}.yaml ${field}: ${message}`;

/** A text that is no JSON stays a text, which is no mapping: the setting's own check says so. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Cloud-config stands in the stack's file itself, or in a file that it names, from the project's folder on. */
function cloudConfigOf(
  value: string | undefined,
  readText: (path: string) => string,
  problems: Problem[],
): string | undefined {
  if (value === undefined || value.includes("\n") || value.startsWith("#")) return value;
  try {
    return readText(value);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    const message = `${JSON.stringify(value)} cannot be read (${why}); write a file's path, or YAML that begins with #cloud-config`;
    problems.push({ field: "taiga:cloudConfig", message });
    return undefined;
  }
}
