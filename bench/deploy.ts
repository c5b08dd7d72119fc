import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isOf, libvirtObjects, removeObject } from "../deploy/libvirt-objects";
import { run } from "../deploy/run";
import { Connection } from "../provider/connection";
import { writeBare } from "./bare";
import { type Benchmark, inTurn, median, type Result, ratio } from "./benchmark";
import { configuration, resources, timed, timedPulumi, withStack } from "./cluster";
import { count, nothingProgram } from "./nothing";
import { Program } from "./program";

/** Seconds after which a cluster that does not come up is given up. */
const patience = 3600;

/** From nothing to the page, with everything built: this project against bare.sh, which makes the same guests. */
export const deploy: Benchmark = {
  name: "deploy",
  says: "warm deploy, from no machine to the page, against virsh and ssh alone",
  run: (options) =>
    withStack(options, async (stack) => {
      const folder = mkdtempSync(join(tmpdir(), "taiga-bench-bare-"));
      const prefix = `taiga-${stack.name}`;
      const pool = `/var/lib/taiga/${prefix}`;
      let nothing: Program | undefined;
      try {
        await stack.deploy();
        const { url, caCertificate } = await stack.outputs();
        const authority = join(folder, "ca.crt");
        writeFileSync(authority, caCertificate);
        const pages = [url, new URL("/api/v1/", url).href];
        const config = await configuration(stack);
        const connection = Connection.fromConfig({ get: (key) => config[key] });
        await writeBare(folder, {
          connection,
          container: options.kind === "container",
          prefix,
          pool,
          pages,
        });
        await connection.close();
        const counts = count((await resources(stack)).map(({ type }) => type));
        const text = nothingProgram(counts, `${options.stack}-peer`, folder);
        const engine = await Program.make(join(folder, "nothing"), { language: "javascript", text });
        nothing = engine;

        const destroyed = [await timedPulumi(stack, "destroy", "--yes", "--skip-preview")];
        const fromNothing = async (begin: () => Promise<number>) => {
          const begun = performance.now();
          await begin();
          await Promise.all(pages.map((page) => answers(page, authority)));
          const took = (performance.now() - begun) / 1000;
          destroyed.push(await timedPulumi(stack, "destroy", "--yes", "--skip-preview"));
          return took;
        };
        const bare = async () => {
          const begun = performance.now();
          await run("timeout", [String(patience), join(__dirname, "bare.sh"), folder]);
          const took = (performance.now() - begun) / 1000;
          await remove(prefix, pool);
          return took;
        };
        const seconds = await inTurn(options.rounds ?? 3, options.say, {
          "deploy.sh": () => fromNothing(() => timed(stack, "./deploy.sh", stack.name)),
          "pulumi up": () => fromNothing(() => timedPulumi(stack, "up", "--yes", "--skip-preview")),
          "bare.sh": bare,
          // What Pulumi itself takes, were none of it to go on while machines start.
          nothing: async () => {
            const took = await engine.up();
            await engine.destroy();
            return took;
          },
        });
        const bareAndEngine = seconds["bare.sh"].map(
          (each, round) => each + (seconds.nothing[round] as number),
        );
        const against = "bare virsh and ssh";
        const results: Result[] = [
          {
            name: `warm ./deploy.sh, three ${options.kind} machines`,
            value: ratio(seconds["deploy.sh"], seconds["bare.sh"]),
            unit: "ratio",
            goal: 1.15,
            against,
          },
          {
            name: `pulumi up, three ${options.kind} machines`,
            value: ratio(seconds["pulumi up"], seconds["bare.sh"]),
            unit: "ratio",
            against,
          },
          {
            name: "bare virsh and ssh, then an up of as many do-nothing resources",
            value: ratio(bareAndEngine, seconds["bare.sh"]),
            unit: "ratio",
            against,
          },
          {
            name: `warm ./deploy.sh, three ${options.kind} machines`,
            value: median(seconds["deploy.sh"]),
            unit: "seconds",
          },
          { name: "pulumi destroy", value: median(destroyed), unit: "seconds", goal: 10 },
        ];
        return results;
      } finally {
        await nothing?.destroy().catch((error: Error) => console.error(error.message));
        if (existsSync(join(folder, "cluster.env"))) await remove(prefix, pool).catch(console.error);
        rmSync(folder, { recursive: true, force: true });
      }
    }),
};

/** As bare.sh asks. */
async function answers(page: string, authority: string): Promise<void> {
  const asked = () => run("curl", ["-fs", "--cacert", authority, "-o", "/dev/null", "--max-time", "5", page]);
  for (const end = Date.now() + patience * 1000; Date.now() < end; await sleep(300))
    if (await asked().then(Boolean, () => false)) return;
  throw new Error(`${page} has not answered for ${patience} s`);
}

/** Ends what bare.sh made: it keeps no state. Of a stack that was destroyed there is nothing left to find. */
async function remove(prefix: string, pool: string): Promise<void> {
  const objects = (await libvirtObjects()).filter((each) => isOf(prefix, each));
  const last = ["domain", "container", "pool", "network"] as const;
  objects.sort((one, other) => last.indexOf(one.kind) - last.indexOf(other.kind));
  for (const object of objects) await removeObject(object);
  execFileSync("rm", ["-rf", "--one-file-system", pool]);
}
