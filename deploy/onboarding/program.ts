import type { KeyGroup, PlainKey } from "./keys";
import type { FoundUnits } from "./units";

export interface Program {
  /** TypeScript. */
  readonly text: string;
  /** Values for `pulumi config set --secret`, by their names there. */
  readonly secrets: ReadonlyMap<string, PlainKey>;
}

/** The namespace of the secrets in the stack's configuration. */
export const namespace = "onboarded";

/**
 * Writes the program that declares what was found, laid out as biome would. It holds no secret: those are read from the
 * stack's configuration.
 * @param taken names of secrets that an earlier run has set.
 * @param project the way from the program's folder to the project's, such as `..`.
 */
export function writeProgram(
  groups: readonly KeyGroup[],
  found: FoundUnits,
  project: string,
  taken: ReadonlySet<string> = new Set(),
): Program {
  const secrets = new Map<string, PlainKey>();
  const value = (key: PlainKey): string => {
    if (!key.secret) return literal(key.value);
    const name = settingName(key.key, (each) => taken.has(each) || secrets.has(each));
    secrets.set(name, key);
    return `secrets.requireSecret(${JSON.stringify(name)})`;
  };
  const statements = [
    ...groups.map((group) => keyStatement(group, value)),
    ...found.services.map(({ name, units, instances }) =>
      statement("Service", name, {
        folder: "folder",
        units: `[${units.map((unit) => JSON.stringify(unit)).join(", ")}]`,
        ...(instances !== undefined && { instances: String(instances) }),
        adopt: "true",
      }),
    ),
    ...found.units.map(({ name, file, desiredState }) =>
      statement("fleet.Unit", name, {
        name: JSON.stringify(name),
        content: `text(${JSON.stringify(file)})`,
        ...(desiredState !== "launched" && { desiredState: JSON.stringify(desiredState) }),
        file: JSON.stringify(`units/${file}`),
        adopt: "true",
      }),
    ),
  ];
  const resources = [groups.length > 0 && "etcd", found.units.length > 0 && "fleet"].filter(Boolean);
  const isSingle = found.units.length > 0;
  const hasFolder = isSingle || found.services.length > 0;
  const text = lines(
    isSingle && `import { readFileSync } from "node:fs";`,
    hasFolder && `import { join } from "node:path";`,
    secrets.size > 0
      ? `import * as pulumi from "@pulumi/pulumi";`
      : `import type * as pulumi from "@pulumi/pulumi";`,
    found.services.length > 0 && `import { Service } from "${project}/components/service";`,
    resources.length > 0 && `import { ${resources.join(", ")} } from "${project}/provider";`,
    "",
    hasFolder && `const folder = join(__dirname, "units");`,
    isSingle && `const text = (file: string): string => readFileSync(join(folder, file), "utf8");`,
    secrets.size > 0 && `const secrets = new pulumi.Config("${namespace}");`,
    (hasFolder || secrets.size > 0) && "",
    "/**",
    " * What was in etcd and fleet before this stack declared it, as `npm run onboard` found it; from here on it is yours to edit.",
    " * @param options of every resource, such as `{ dependsOn: cluster.ready, deletedWith: cluster }`.",
    " */",
    "export function onboarded(options: pulumi.ResourceOptions = {}): void {",
    ...statements,
    "}",
    "",
  );
  return { text, secrets };
}

/** In the quotes that need fewer backslashes. */
function literal(text: string): string {
  const double = JSON.stringify(text);
  const count = (quote: string) => text.split(quote).length;
  return count('"') > count("'")
    ? `'${double.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
    : double;
}

const lines = (...all: readonly (string | false)[]): string =>
  all.filter((line) => line !== false).join("\n");

function keyStatement({ prefix, keys }: KeyGroup, value: (key: PlainKey) => string): string {
  const [first] = keys;
  if (keys.length === 1 && first) {
    return statement("etcd.Key", first.key, {
      key: JSON.stringify(first.key),
      value: value(first),
      adopt: "true",
    });
  }
  const values = keys.map((key) => property(key.key.slice(prefix.length + 1), value(key), 8));
  return statement("etcd.Prefix", prefix, {
    prefix: JSON.stringify(prefix),
    values: `{\n${values.join("\n")}\n      }`,
    adopt: "true",
  });
}

const statement = (type: string, name: string, fields: Readonly<Record<string, string>>): string =>
  [
    `  new ${type}(`,
    `    ${JSON.stringify(name)},`,
    "    {",
    ...Object.entries(fields).map(([field, text]) => property(field, text, 6)),
    "    },",
    "    options,",
    "  );",
  ].join("\n");

/** Characters; what biome.json says. */
const width = 110;

function property(name: string, text: string, indent: number): string {
  const blank = " ".repeat(indent);
  const field = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
  if (field === text) return `${blank}${field},`;
  const line = `${blank}${field}: ${text},`;
  if (line.length <= width || text.startsWith("{")) return line;
  const list = /^\[(.*)\]$/.exec(text)?.[1];
  if (list === undefined) return line;
  return `${blank}${field}: [\n${list
    .split(", ")
    .map((each) => `${blank}  ${each},`)
    .join("\n")}\n${blank}],`;
}

/** A key's path as the name of a setting, told apart where two would be the same. */
function settingName(key: string, isTaken: (name: string) => boolean): string {
  const name = key.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "") || "key";
  let found = name;
  for (let next = 2; isTaken(found); next += 1) found = `${name}-${next}`;
  return found;
}
