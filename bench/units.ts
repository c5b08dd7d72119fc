import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../deploy/environment";
import { Connection } from "../provider/connection";
import { type Benchmark, inTurn, type Options, type Result, ratio } from "./benchmark";
import { configuration, withStack } from "./cluster";
import { nothingResources } from "./nothing";
import { Program } from "./program";
import { bytesOf } from "./state";

const sizes = [100, 300];

const unit = `[Unit]
Description=Does nothing, instance %i

[Service]
ExecStart=/bin/sleep infinity
`;

/**
 * fleet.Unit with its gate, against fleetctl on a machine and an empty `up`; and against fleetctl after an `up` of as many
 * resources that do nothing, which is what the engine takes for them.
 */
export const units: Benchmark = {
  name: "units",
  says: "100 and 300 units, until systemd says that all are active; a unit's state",
  run: (options) =>
    withStack(options, async (stack) => {
      await stack.deploy();
      const folder = mkdtempSync(join(tmpdir(), "taiga-bench-units-"));
      const config = await configuration(stack);
      const connection = Connection.fromConfig({ get: (key) => config[key] });
      try {
        const empty = await Program.make(join(folder, "empty"), { language: "javascript", text: "" });
        const results: Result[] = [];
        for (const size of sizes.map((each) => Math.round(each * options.scale))) {
          const ours = await Program.make(join(folder, `ours-${size}`), {
            language: "typescript",
            text: unitProgram(size),
          });
          for (const [key, value] of Object.entries(config))
            await (key === "taiga:credentials" ? ours.secret(key, value) : ours.config(key, value));
          const nothing = await Program.make(join(folder, `nothing-${size}`), {
            language: "javascript",
            text: nothingResources(size),
          });
          results.push(...(await measure(options, size, { ours, empty, nothing }, connection)));
        }
        return results;
      } finally {
        await connection.close();
        rmSync(folder, { recursive: true, force: true });
      }
    }),
};

async function measure(
  options: Options,
  size: number,
  { ours, empty, nothing }: Record<"ours" | "empty" | "nothing", Program>,
  connection: Connection,
): Promise<Result[]> {
  const name = (index: number) => `fleetctl-${size}@${index}.service`;
  const names = Array.from({ length: size }, (_, index) => name(index + 1)).join(" ");
  const machine = connection.machines[0] as Connection["machines"][number];
  const shell = async (script: string) => {
    const begun = performance.now();
    await connection.ssh.succeed(machine, "bash -s", { input: `set -eu\n${script}\n`, timeoutSeconds: 600 });
    return (performance.now() - begun) / 1000;
  };
  await shell(`cat >/tmp/fleetctl-${size}@.service <<'END'\n${unit}END`);
  let bytes = 0;
  const ourUnits = async () => {
    const took = await ours.up();
    bytes = bytesOf(ours.resources(), ({ type }) => type === "pulumi-nodejs:dynamic/fleet:Unit") / size;
    await ours.destroy();
    await shell(`until ! fleetctl list-units -no-legend | grep -q '^bench-${size}@'; do sleep 1; done`);
    return took;
  };
  const fleetctl = async () => {
    const active = `fleetctl list-units -no-legend -fields unit,active | awk '/^fleetctl-${size}@/ && $2 == "active"' | wc -l`;
    const took = await shell(
      `cd /tmp; fleetctl start -no-block ${names} >/dev/null; until [ "$(${active})" = ${size} ]; do sleep 0.2; done`,
    );
    await shell(
      `fleetctl destroy ${names} >/dev/null; until ! fleetctl list-units -no-legend | grep -q '^fleetctl-${size}@'; do sleep 1; done`,
    );
    return took;
  };
  const seconds = await inTurn(options.rounds ?? 3, (line) => options.say(`${size} units, ${line}`), {
    ours: ourUnits,
    fleetctl,
    "empty up": () => empty.up(),
    "up of nothing": async () => {
      const took = await nothing.up();
      await nothing.destroy();
      return took;
    },
  });
  const after = (up: "empty up" | "up of nothing") =>
    seconds.fleetctl.map((each, round) => each + (seconds[up][round] as number));
  const subject = `${size} units to active`;
  return [
    {
      name: subject,
      value: ratio(seconds.ours, after("empty up")),
      unit: "ratio",
      goal: 1.3,
      against: "fleetctl and an empty up",
    },
    {
      name: subject,
      value: ratio(seconds.ours, after("up of nothing")),
      unit: "ratio",
      against: "fleetctl and an up of as many resources that do nothing",
    },
    {
      name: `state of one of ${size} units, beside its file`,
      value: bytes - Buffer.byteLength(unit),
      unit: "bytes",
    },
  ];
}

const unitProgram = (size: number) => `import { fleet } from ${JSON.stringify(join(root, "provider"))};
const content = ${JSON.stringify(unit)};
const names = Array.from({ length: ${size} }, (_, index) => \`bench-${size}@\${index + 1}.service\`);
const units = names.map((name) => new fleet.Unit(name, { name, content }));
new fleet.Rollout("all", { units: names, revision: "1" }, { dependsOn: units });
`;
