import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lives } from "../support/processes";

const root = resolve(__dirname, "../..");

describe("a dynamic provider", () => {
  const folder = mkdtempSync(join(tmpdir(), "taiga-engine-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("ends when the engine that started it by a shell script is killed", async () => {
    const main = join(folder, "cmd/dynamic-provider/index.cjs");
    mkdirSync(join(folder, "cmd/dynamic-provider"), { recursive: true });
    writeFileSync(
      main,
      `require(${JSON.stringify(join(root, "node_modules/tsx/dist/cjs/index.cjs"))});
       require(${JSON.stringify(join(root, "provider/end-with-engine.ts"))});
       console.log(process.pid);
       setInterval(() => {}, 1000);`,
    );
    const launcher = join(folder, "launcher");
    writeFileSync(launcher, `node ${main}\ntrue\n`);
    const engine = spawn("sh", ["-c", `sh ${launcher} & wait`], { stdio: ["ignore", "pipe", "inherit"] });
    const provider = Number(await new Promise((said) => engine.stdout.once("data", said)));
    await sleep(3_000);
    assert.ok(lives(provider), "it lives as long as its engine");
    engine.kill("SIGKILL");
    for (let tries = 0; lives(provider) && tries < 100; tries += 1) await sleep(100);
    assert.equal(lives(provider), false);
  });
});
