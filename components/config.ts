import * as pulumi from "@pulumi/pulumi";
import { hostProblems, machineKind } from "./host";
import { type MachineKind, type Problem, readSettings, type Settings } from "./settings";

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
  const raw = {
    prefix: config.get("prefix") ?? `${pulumi.getProject()}-${stack}`,
    machines: config.getObject<unknown>("machines"),
    ...optional(config, "network"),
    ...optional(config, "containers"),
    ...optional(config, "pool"),
    ...optional(config, "cloudConfig"),
  };
  const { settings, problems, warnings } = readSettings(raw);
  const { kind, problems: kindProblems } = machineKind(settings);
  const uri = new pulumi.Config("libvirt").get("uri") ?? "qemu:///system";
  const all = [...problems, ...kindProblems, ...(problems.length === 0 ? hostProblems(settings, uri) : [])];
  const credentials = config.getSecret("credentials");
  if (!credentials)
    all.push({
      field: "taiga:credentials",
      message: `is missing; ./deploy.sh ${stack} makes it, or npm run credentials`,
    });
  const file = `Pulumi.${stack}.yaml`;
  if (all.length > 0 || !credentials)
    throw new pulumi.RunError(all.map((problem) => line(file, problem)).join("\n"));
  for (const warning of warnings) pulumi.log.warn(line(file, warning));
  if (kind === "container" && stack !== "dev") {
    pulumi.log.info(
      `${file} taiga:machines.kind: "container" isolates machines less than virtual ones; write auto where the host has KVM`,
    );
  }
  const protectData = config.getBoolean("protectData") ?? stack !== "dev";
  return { settings, kind, credentials, protectData };
}

const line = (file: string, { field, message }: Problem) => `${file} ${field}: ${message}`;

function optional<K extends string>(config: pulumi.Config, key: K): { [key in K]?: string } {
  const value = config.get(key);
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: string };
}
