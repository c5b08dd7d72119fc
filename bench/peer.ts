import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes a precompiled program whose resources do nothing, over the same plugins: as many dynamic resources and commands
 * as the measured stack has resources of each kind.
 */
export function writePeer(
  folder: string,
  modules: string,
  counts: { readonly dynamic: number; readonly commands: number },
): void {
  mkdirSync(folder, { recursive: true });
  symlinkSync(modules, join(folder, "node_modules"));
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: peer\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: index.js\n",
  );
  writeFileSync(join(folder, "package.json"), '{ "name": "peer", "main": "index.js" }\n');
  writeFileSync(
    join(folder, "index.js"),
    `const pulumi = require("@pulumi/pulumi");
const command = require("@pulumi/command");
const nothing = { create: async () => ({ id: "x", outs: {} }), diff: async () => ({ changes: false }) };
for (let i = 0; i < ${counts.dynamic}; i += 1) new pulumi.dynamic.Resource(nothing, "nothing" + i, {});
for (let i = 0; i < ${counts.commands}; i += 1) new command.local.Command("command" + i, { create: "true" });
`,
  );
}
