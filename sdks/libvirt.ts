import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { goBuild } from "../deploy/go";
import { run } from "../deploy/run";

const root = resolve(__dirname, "..");
const moduleDir = join(root, "plugins", "libvirt");

/** What is generated from plugins/libvirt and committed, because this package is on no registry. */
export const committed = {
  schema: join(moduleDir, "schema.json"),
  tarball: join(__dirname, "pulumi-libvirt-0.8.3.tgz"),
};

/**
 * Generates the schema that the plugin embeds and the compiled Node.js SDK.
 * @returns where the schema and the SDK's package folder lie, in `work`.
 */
export async function generate(work: string): Promise<{ schema: string; packageDir: string }> {
  const generator = join(work, "generate");
  await goBuild({ moduleDir, package: "./generate", out: generator });
  await run(generator, [work]);
  const source = join(work, "nodejs");
  const packageDir = join(source, "bin");
  symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
  await run(
    process.execPath,
    [
      join(root, "node_modules", "typescript", "bin", "tsc"),
      ...["-p", source, "--sourceMap", "false", "--types", "node", "--skipLibCheck"],
    ],
    { cwd: source },
  );
  for (const file of ["package.json", "README.md"]) cpSync(join(source, file), join(packageDir, file));
  return { schema: join(work, "schema.json"), packageDir };
}

/** Writes the committed files anew: `npm run sdk`, then `npm install`. */
async function main(): Promise<void> {
  const work = join(root, ".state", "sdk");
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const { schema, packageDir } = await generate(work);
  cpSync(schema, committed.schema);
  await run("npm", ["pack", packageDir, "--pack-destination", __dirname]);
  process.stdout.write(`${committed.tarball}: ${readFileSync(committed.tarball).length} bytes\n`);
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  });
}
