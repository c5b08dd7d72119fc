import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { servicesOn } from "./application-settings";
import { hostProblems, hostWarnings, machineKind } from "./host";
import type { MachineKind } from "./machine-settings";
import { placements } from "./node-pools";
import type { Settings } from "./settings";
import { problemLine, readStack } from "./stack-config";
import { type ResolvedImages, resolveImages } from "./taiga-images";
import type { TlsSettings } from "./tls-settings";
import { unitFolderProblems } from "./unit-files";

/**
 * Reads and checks the stack's configuration, what it asks of the host, and the unit files, before any resource is declared:
 * what is declared before an error is thrown is made all the same.
 * @throws pulumi.RunError, shown without a stack trace, with every field and line that cannot be, its value and the remedy.
 */
export function readConfig(): {
  settings: Settings;
  kind: MachineKind;
  credentials: pulumi.Output<string>;
  protectData: boolean;
  tls: TlsSettings;
  images: ResolvedImages | undefined;
} {
  const stack = pulumi.getStack();
  const config = pulumi.runtime.allConfig();
  const { settings, tls, protectData, problems, warnings } = readStack(
    config,
    { project: pulumi.getProject(), stack },
    (path) => readFileSync(path, "utf8"),
  );
  const { kind, problems: kindProblems } = machineKind(settings);
  const all = [...problems, ...kindProblems, ...(problems.length === 0 ? hostProblems(settings, kind) : [])];
  const { application } = settings;
  if (servicesOn(kind, application) === "all" && placements(settings.pools).length === 2)
    all.push({
      field: "taiga:services",
      message:
        '"all" on two machines: neither could tell which of them has the right media; write core, or make it 1 or 3 machines',
    });
  const { images, problems: imageProblems } = resolveImages(
    application.images,
    servicesOn(kind, application),
  );
  all.push(...imageProblems);
  const credentials = config["taiga:credentials"]
    ? new pulumi.Config("taiga").getSecret("credentials")
    : undefined;
  if (!credentials)
    all.push({
      field: "taiga:credentials",
      message: `is missing; ./deploy.sh ${stack} makes it, or npm run credentials -- ${stack}`,
    });
  const lines = [...all.map((problem) => problemLine(stack, problem)), ...unitFolderProblems()];
  if (lines.length > 0 || !credentials) throw new pulumi.RunError(lines.join("\n"));
  for (const warning of [...warnings, ...hostWarnings(settings)])
    pulumi.log.warn(problemLine(stack, warning));
  if (kind === "container" && stack !== "dev") {
    const message = '"container" isolates machines less than virtual ones; write auto where the host has KVM';
    pulumi.log.warn(problemLine(stack, { field: "taiga:machines.kind", message }));
  }
  return { settings, kind, credentials, protectData, tls, images };
}
