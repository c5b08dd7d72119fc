import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { hostProblems, machineKind } from "./host";
import { productionFindings } from "./production";
import { type MachineKind, type Problem, readSettings, type Settings, unknownFields } from "./settings";

/**
 * Reads and checks the stack's configuration, and what it asks of the host, before any resource is declared.
 * @throws pulumi.RunError, shown without a stack trace, with every field that cannot be, its value and the remedy.
 */
export function readConfig(): {
  settings: Settings;
  kind: MachineKind;
  credentials: pulumi.Output<string>;
  protectData: boolean;
} {
  const config = new pulumi.Config("taiga");
  const stack = pulumi.getStack();
  // The schema in Pulumi.yaml gives what has no other default an empty text: the engine takes a key without one for required.
  const text = (key: string): string | undefined => config.get(key) || undefined;
  const raw = {
    prefix: text("prefix") ?? `${pulumi.getProject()}-${stack}`,
    machines: config.getObject<unknown>("machines"),
    network: text("network"),
    containers: text("containers"),
    pool: text("pool"),
    libvirt: new pulumi.Config("libvirt").get("uri"),
    hypervisors: config.getObject<unknown>("hypervisors"),
    pools: config.getObject<unknown>("pools"),
    link: config.getObject<unknown>("link"),
    production: config.getBoolean("production"),
  };
  const extra = cloudConfigOf(text("cloudConfig"));
  const { settings, problems, warnings } = readSettings({ ...raw, cloudConfig: extra.text });
  const { kind, problems: kindProblems } = machineKind(settings);
  const protectData = config.getBoolean("protectData") ?? true;
  const production = problems.length === 0 ? productionFindings(settings, protectData) : undefined;
  const all = [
    ...unknownFields(Object.keys(pulumi.runtime.allConfig())),
    ...extra.problems,
    ...problems,
    ...(production?.problems ?? []),
    ...kindProblems,
    ...(problems.length === 0 ? hostProblems(settings, kind) : []),
  ];
  const credentials = pulumi.runtime.allConfig()["taiga:credentials"]
    ? config.getSecret("credentials")
    : undefined;
  if (!credentials)
    all.push({
      field: "taiga:credentials",
      message: `is missing; ./deploy.sh ${stack} makes it, or npm run credentials -- ${stack}`,
    });
  const file = `Pulumi.${stack}.yaml`;
  if (all.length > 0 || !credentials)
    throw new pulumi.RunError(all.map((problem) => line(file, problem)).join("\n"));
  for (const warning of [...warnings, ...(production?.warnings ?? [])]) pulumi.log.warn(line(file, warning));
  if (kind === "container" && stack !== "dev") {
    pulumi.log.warn(
      `${file} taiga:machines.kind: "container" isolates machines less than virtual ones; write auto where the host has KVM`,
    );
  }
  return { settings, kind, credentials, protectData };
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
