import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { hostProblems, machineKind } from "./host";
import { type MachineKind, type Problem, readSettings, type Settings, unknownFields } from "./settings";
import { readTls, type TlsSettings } from "./tls-settings";

/**
 * Reads and checks the stack's configuration, and what it asks of the host, before any resource is declared.
 * @throws pulumi.RunError, shown without a stack trace, with every field that cannot be, its value and the remedy.
 */
export function readConfig(): {
  settings: Settings;
  kind: MachineKind;
  credentials: pulumi.Output<string>;
  protectData: boolean;
  tls: TlsSettings;
} {
  const config = new pulumi.Config("taiga");
  const stack = pulumi.getStack();
  const raw = {
    prefix: config.get("prefix") ?? `${pulumi.getProject()}-${stack}`,
    machines: config.getObject<unknown>("machines"),
    network: config.get("network"),
    entry: config.get("entry"),
    containers: config.get("containers"),
    pool: config.get("pool"),
    libvirt: new pulumi.Config("libvirt").get("uri"),
    back: config.getObject<unknown>("back"),
    features: config.getObject<unknown>("features"),
    email: maybeSecret("email"),
  };
  const extra = cloudConfigOf(config.get("cloudConfig"));
  const { settings, problems, warnings } = readSettings({ ...raw, cloudConfig: extra.text });
  const { tls, ...ofTls } = readTls(maybeSecret("tls"), settings.entry);
  warnings.push(...ofTls.warnings);
  const { kind, problems: kindProblems } = machineKind(settings);
  const all = [
    ...unknownFields(Object.keys(pulumi.runtime.allConfig())),
    ...extra.problems,
    ...problems,
    ...ofTls.problems,
    ...kindProblems,
    ...(problems.length === 0 ? hostProblems(settings, kind) : []),
  ];
  const credentials = config.getSecret("credentials");
  if (!credentials)
    all.push({
      field: "taiga:credentials",
      message: `is missing; ./deploy.sh ${stack} makes it, or npm run credentials -- ${stack}`,
    });
  const file = `Pulumi.${stack}.yaml`;
  if (all.length > 0 || !credentials)
    throw new pulumi.RunError(all.map((problem) => line(file, problem)).join("\n"));
  for (const warning of warnings) pulumi.log.warn(line(file, warning));
  if (kind === "container" && stack !== "dev") {
    pulumi.log.warn(
      `${file} taiga:machines.kind: "container" isolates machines less than virtual ones; write auto where the host has KVM`,
    );
  }
  const protectData = config.getBoolean("protectData") ?? stack !== "dev";
  return { settings, kind, credentials, protectData, tls };
}

/** A mapping that may hold secrets: the program makes them secret outputs where it uses them. */
function maybeSecret(name: string): unknown {
  const text = pulumi.runtime.allConfig()[`taiga:${name}`];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const line = (file: string, { field, message }: Problem) => `${file} ${field}: ${message}`;

/** Cloud-config stands in the stack's file itself, or in a file that it names, from the project's folder on. */
function cloudConfigOf(value = ""): { text?: string; problems: Problem[] } {
  if (value === "" || value.includes("\n") || value.startsWith("#")) return { text: value, problems: [] };
  try {
    return { text: readFileSync(value, "utf8"), problems: [] };
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    const message = `${JSON.stringify(value)} cannot be read (${why}); write a file's path, or YAML that begins with #cloud-config`;
    return { problems: [{ field: "taiga:cloudConfig", message }] };
  }
}
