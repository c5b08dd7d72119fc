import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runSteps, type Step, StepFailed, timingTable } from "../../deploy/steps";

const logs = mkdtempSync(join(tmpdir(), "taiga-test-steps-"));
after(() => rmSync(logs, { recursive: true }));
const quiet = { write: () => {}, logOf: (step: string) => join(logs, `${step}.log`) };

describe("the steps of a deploy", () => {
  it("runs independent steps side by side and dependent ones after", async () => {
    const events: string[] = [];
    const step = (name: string, after?: string[]): Step => ({
      name,
      ...(after && { after }),
      run: async () => {
        events.push(`${name} starts`);
        await sleep(20);
        events.push(`${name} ends`);
        return undefined;
      },
    });
    const timings = await runSteps([step("up", ["engine", "image"]), step("engine"), step("image")], quiet);
    assert.deepEqual(events, [
      "engine starts",
      "image starts",
      "engine ends",
      "image ends",
      "up starts",
      "up ends",
    ]);
    assert.equal(timings.length, 3);
    assert.match(timingTable(timings), /\| up \|/);
  });

  it("starts nothing more after a failure, lets the rest finish, and names step and log", async () => {
    const ended: string[] = [];
    const steps: Step[] = [
      { name: "bad", run: () => Promise.reject(new Error("no disk")) },
      {
        name: "slow",
        run: async () => {
          await sleep(20);
          ended.push("slow");
          return undefined;
        },
      },
      {
        name: "late",
        after: ["slow"],
        run: async () => {
          ended.push("late");
          return undefined;
        },
      },
    ];
    await assert.rejects(runSteps(steps, quiet), (error: StepFailed) => {
      assert.ok(error instanceof StepFailed);
      assert.equal(error.message, "bad: no disk");
      assert.equal(error.log, join(logs, "bad.log"));
      return true;
    });
    assert.deepEqual(ended, ["slow"]);
  });

  it("is heard of again when silent, with what it does, for how long, and a log that is there", async () => {
    const lines: string[] = [];
    await runSteps(
      [
        {
          name: "heard of",
          run: async (progress) => {
            progress.say("looking");
            await sleep(1100);
            progress.say("installing packages");
            await sleep(2200);
            return "built";
          },
        },
      ],
      { ...quiet, write: (line) => lines.push(line), everySeconds: 1 },
    );
    const again = lines.map((line) =>
      /still at it: (.*), for (\d) s \((\d) s in all; log: (.*)\)$/.exec(line),
    );
    const [, what, since, all, log] = again.filter(Boolean).at(-1) ?? [];
    assert.equal(what, "installing packages");
    assert.ok(Number(since) < Number(all), lines.join("\n"));
    assert.equal(readFileSync(log as string, "utf8"), "looking\ninstalling packages\nbuilt (3 s)\n");
  });

  it("refuses an order that could never start", async () => {
    const run = async () => undefined;
    await assert.rejects(
      runSteps(
        [
          { name: "a", after: ["b"], run },
          { name: "b", after: ["a"], run },
        ],
        quiet,
      ),
      /a → b → a/,
    );
    await assert.rejects(runSteps([{ name: "a", after: ["z"], run }], quiet), /comes after z/);
  });
});
