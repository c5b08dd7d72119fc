import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";

/**
 * Runs a program without an engine and prints what it registers, as `pulumi stack import` reads it: the state of a program
 * whose machines nobody made. usage: recorded.ts PROGRAM PROJECT STACK, with the configuration on standard input.
 */
export interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly id?: string;
  readonly parent?: string;
  readonly inputs: Record<string, unknown>;
  readonly outputs: Record<string, unknown>;
}

const [program, project, stack] = process.argv.slice(2) as [string, string, string];
const root = `urn:pulumi:${stack}::${project}::pulumi:pulumi:Stack::${project}-${stack}`;
const recorded: Recorded[] = [];

function urnOf(parent: string, type: string, name: string): string {
  if (type === "pulumi:pulumi:Stack") return root;
  const within = parent && parent !== root ? `${parent.split("::")[2]}$` : "";
  return `urn:pulumi:${stack}::${project}::${within}${type}::${name}`;
}

/** What the engine is to a program, with each URN as the engine itself makes it. */
class Recorder extends MockMonitor {
  constructor(mocks: pulumi.runtime.Mocks) {
    super(mocks);
    Object.assign(this, { newUrn: urnOf });
  }

  override async registerResource(
    request: Parameters<MockMonitor["registerResource"]>[0],
    callback: Parameters<MockMonitor["registerResource"]>[1],
  ): Promise<void> {
    const inputs = (request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>;
    const [type, name, custom] = [request.getType(), request.getName(), request.getCustom()];
    await super.registerResource(request, callback);
    const urn = urnOf(request.getParent(), type, name);
    const state = this.getRegisteredResources().get(urn);
    recorded.push({
      ...{ urn, type, custom, parent: request.getParent() || root },
      ...(custom && { id: String(state?.id) }),
      inputs: asStored(inputs),
      outputs: custom ? asStored((state?.state ?? {}) as Record<string, unknown>) : {},
    });
  }
}

const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** A secret is a value on its way to the engine, and a text in a state. */
function asStored<T>(value: T): T {
  if (Array.isArray(value)) return value.map(asStored) as T;
  if (typeof value !== "object" || value === null) return value;
  const { [signature]: kind, value: secret } = value as Record<string, unknown>;
  if (kind === secretSignature)
    return { [signature]: kind, plaintext: JSON.stringify(asStored(secret)) } as T;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, asStored(each)])) as T;
}

/** What a provider adds to a resource's properties, where another resource has it or a preview would miss it. */
function asMade(type: string, inputs: Record<string, unknown>): Record<string, unknown> {
  if (type === "pulumi-nodejs:dynamic/cluster:Membership")
    return { ...inputs, enrolled: "2016-05-01T00:00:00.000Z" };
  if (type === "libvirt:index/domain:Domain") return asReadBack(inputs);
  return inputs;
}

/** A domain as its provider reads a real one; as it was made, a preview would want to replace it. */
function asReadBack(inputs: Record<string, unknown>): Record<string, unknown> {
  const each = (field: string, added: Record<string, unknown>) => ({
    [field]: (inputs[field] as object[]).map((one) => ({ ...added, ...one })),
  });
  return {
    fwCfgName: "opt/com.coreos/config",
    ...inputs,
    ...each("consoles", { sourceHost: "127.0.0.1", sourcePath: "", sourceService: "0" }),
    ...each("disks", { blockDevice: "", file: "", scsi: false, url: "", wwn: "" }),
    ...each("networkInterfaces", {
      ...{ addresses: [], bridge: "", hostname: "", macvtap: "", networkName: "", passthrough: "" },
      ...{ private: "", vepa: "", waitForLease: false },
    }),
  };
}

async function main(): Promise<void> {
  const config = JSON.parse(readFileSync(0, "utf8")) as Record<string, { value: string; secret: boolean }>;
  await pulumi.runtime.setMocks({ newResource: () => ({ id: "", state: {} }), call: () => ({}) });
  const { setMockOptions } = require("@pulumi/pulumi/runtime/settings") as {
    setMockOptions(...options: unknown[]): void;
  };
  const mocks = {
    newResource: ({ type, name, inputs }: pulumi.runtime.MockResourceArgs) => ({
      id: `${name}-id`,
      state: asMade(type, inputs),
    }),
    call: () => ({}),
  };
  setMockOptions(new Recorder(mocks), project, stack, false);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(config).map(([key, { value }]) => [key, value])),
    Object.keys(config).filter((key) => config[key]?.secret),
  );
  // Registrations go on after the program's text has run.
  process.once("beforeExit", () => process.stdout.write(JSON.stringify(recorded)));
  await pulumi.runtime.runInPulumiStack(async () => require(join(process.cwd(), program)));
}

main().catch((error: Error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
