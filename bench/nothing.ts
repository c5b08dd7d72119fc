import { join } from "node:path";

/** How many resources a program has, by what they are made of. */
export interface Counts {
  readonly dynamic: number;
  readonly command: number;
  readonly libvirt: number;
  readonly component: number;
}

export function count(types: readonly string[]): Counts {
  const of = (pattern: RegExp) => types.filter((type) => pattern.test(type)).length;
  return {
    dynamic: of(/^pulumi-nodejs:/),
    command: of(/^command:/),
    libvirt: of(/^libvirt:/),
    component: of(/^taiga:/),
  };
}

/** The text of a program of resources whose inline provider does nothing. */
export const nothingResources = (dynamic: number) => `const pulumi = require("@pulumi/pulumi");
const nothing = { create: async () => ({ id: "x", outs: {} }), diff: async () => ({ changes: false }) };
const times = (count, make) => { for (let i = 0; i < count; i += 1) make(i); };
times(${dynamic}, (i) => new pulumi.dynamic.Resource(nothing, "nothing" + i, {}));
`;

/** As many of each. libvirt's are a pool and empty volumes in it: the least that its plugin can make. */
export const nothingProgram = (
  { dynamic, command, libvirt, component }: Counts,
  pool: string,
  folder: string,
) => `${nothingResources(dynamic)}
const command = require("@pulumi/command");
const libvirt = require("@pulumi/libvirt");
times(${command}, (i) => new command.local.Command("command" + i, { create: "true" }));
times(${component}, (i) => new pulumi.ComponentResource("nothing:index:Component", "component" + i, {}));
const pool = new libvirt.Pool("pool", { name: ${JSON.stringify(pool)}, type: "dir", target: { path: ${JSON.stringify(join(folder, "pool"))} } });
times(${libvirt - 1}, (i) => new libvirt.Volume("volume" + i, { name: "volume" + i, pool: pool.name, size: 4096 }));
`;
