import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parseArgs } from "node:util";
import { Connection } from "../provider/connection";
import { lacksOf } from "../provider/fleet/gate/lacks";
import { matchesGlob } from "../provider/fleet/glob";
import { root } from "./environment";
import { readFleet, readKeys } from "./onboarding/cluster";
import { declaredIn } from "./onboarding/declared";
import { groupKeys, type LeftOut } from "./onboarding/keys";
import { namespace, writeProgram } from "./onboarding/program";
import { looksSecret } from "./onboarding/secret";
import { groupUnits } from "./onboarding/units";
import { openStack } from "./open-stack";

const usage = `usage: npm run onboard -- [--stack STACK] [--into FOLDER] [--units GLOB]... [--keys PATH]...
                          [--secret PATH]... [--plain PATH]...

Reads the units and keys of a running cluster that no stack declares yet, and writes the program for them: FOLDER/index.ts
(default: onboarded/) and unit files beside it. It changes nothing in the cluster; \`pulumi up\` then takes over what is
there as it is. The cluster is the stack's own (the selected one, or PULUMI_STACK), or where its taiga:endpoints says.

  --units GLOB    only units whose name matches, such as 'web-*'; may be repeated, as all below
  --keys PATH     only keys under this path; default: all
  --secret PATH   this key, or all keys under it, are secret: encrypted in the stack's configuration, not in the program
  --plain PATH    these are not, though they look it
`;

const list = { type: "string", multiple: true } as const;

function options() {
  try {
    return parseArgs({
      options: {
        stack: { type: "string" },
        into: { type: "string", default: "onboarded" },
        units: list,
        keys: list,
        secret: list,
        plain: list,
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${usage}`);
  }
}

async function main(): Promise<void> {
  const asked = options();
  if (asked.help) return void process.stdout.write(usage);
  const folder = resolve(root, asked.into);
  const place = relative(root, folder);
  if (place === "" || place.startsWith(".."))
    throw new Error(`--into ${asked.into}: write a folder within the project, such as onboarded`);
  if (existsSync(folder))
    throw new Error(`${place} is there already, and may hold your edits; name another folder with --into`);

  const stack = await openStack(asked.stack);
  const connection = Connection.fromConfig({ get: (key) => stack.config[key]?.value });
  try {
    const declared = declaredIn(await stack.pulumi(["stack", "export"]));
    const [keys, fleet] = await Promise.all([
      readKeys(connection, asked.keys ?? [""]),
      readFleet(connection),
    ]);
    const wanted = fleet.units.filter(({ name }) => matches(name, asked.units));
    const choice = { secret: asked.secret ?? [], plain: asked.plain ?? [], declared: declared.keys };
    const { groups, leftOut } = groupKeys(keys, choice);
    const found = groupUnits(wanted, { declared, isActive: (name) => lacksOf(fleet, [name]).length === 0 });
    const project = relative(folder, root).split(sep).join("/");
    const own = Object.keys(stack.config).filter((name) => name.startsWith(`${namespace}:`));
    const taken = new Set(own.map((name) => name.slice(namespace.length + 1)));
    const { text, secrets } = writeProgram(groups, found, project, taken);

    const files = { "index.ts": text, ...prefixed("units", found.files) };
    if (Object.keys(files).length === 1 && groups.length === 0) {
      console.log("nothing to onboard: the stack declares all that is there");
      return report(leftOut, found.leftOut);
    }
    for (const [name, { value }] of secrets)
      await stack.pulumi(["config", "set", "--secret", `${namespace}:${name}`], `${value}\n`);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    const count = groups.reduce((sum, group) => sum + group.keys.length, 0);
    console.log(
      `${place}/index.ts: ${count} keys; ${found.services.length} services and ${found.units.length} single units, ` +
        `${found.files.size} unit files`,
    );
    for (const [name, { key }] of secrets)
      console.log(`${key} is secret: ${namespace}:${name}, encrypted in Pulumi.${stack.name}.yaml`);
    report(leftOut, found.leftOut);
    for (const [file, content] of found.files) warnOfSecrets(`${place}/units/${file}`, content);
    console.log(`
Add to index.ts, then look at \`pulumi preview\` and run \`pulumi up\`:
  import { onboarded } from "./${place.split(sep).join("/")}";
  onboarded({ dependsOn: cluster.ready, deletedWith: cluster });`);
  } finally {
    await connection.close();
  }
}

const prefixed = (folder: string, files: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...files].map(([file, text]) => [`${folder}/${file}`, text]));

const matches = (name: string, globs: readonly string[] = ["*"]): boolean =>
  globs.some((glob) => matchesGlob(glob, name));

const report = (...lists: readonly (readonly LeftOut[])[]): void => {
  for (const { what, why } of lists.flat()) console.log(`left out: ${what}: ${why.replace(`${what} `, "")}`);
};

/** Unit files are for everybody who reaches fleet; a secret in one cannot be hidden from here. */
function warnOfSecrets(file: string, text: string): void {
  for (const [, name = "", value = ""] of text.matchAll(/^Environment="?([A-Za-z_]\w*)=(.*?)"?$/gm)) {
    if (looksSecret(name, value))
      console.log(
        `${file}: Environment=${name} looks like a secret; fleet shows it to everybody: keep it in etcd`,
      );
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
