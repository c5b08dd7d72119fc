import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "./fault";

/** A file in units/ gets another description, and `pulumi up` brings it: the least that has a unit stopped and started anew. */
const rolled = (name: string, says: string, unit: string): Fault => ({
  name,
  says,
  spared: true,
  aim: async ({ stack }) => ({
    target: unit,
    strike: async () => {
      const file = `units/${unit}.service`;
      const text = readFileSync(join(stack.directory, file), "utf8");
      stack.write(file, text.replace(/^Description=.*$/m, "$& (rolled)"));
      await stack.pulumi("up", "--yes", "--skip-preview");
    },
  }),
});

/** Changes that `npm run faults` rolls through a cluster. They should fail no request and have none wait for more than 5 s. */
export const rolls: readonly Fault[] = [
  rolled("rolled gateway", "the gateway's unit is edited, which is on every machine", "taiga-gateway"),
  rolled("rolled database", "the database's unit is edited: one member after another", "taiga-db@"),
];
