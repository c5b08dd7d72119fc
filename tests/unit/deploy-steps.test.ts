import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runSteps, type Step, StepFailed, timingTable } from "../../deploy/steps";

const quiet = { write: () => {}, logOf: (step: string) => `/logs/${step}.log` };

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
      assert.equal(error.log, "/logs/bad.log");
      return true;
    });
    assert.deepEqual(ended, ["slow"]);
  });

  it("is heard of again when silent, with elapsed time and log", async () => {
    const lines: string[] = [];
    await runSteps(
      [
        {
          name: "image",
          run: async (progress) => {
            progress.say("installing packages");
            await sleep(2300);
            return "built";
          },
        },
      ],
      { ...quiet, write: (line) => lines.push(line), everySeconds: 1 },
    );
    assert.ok(
      lines.some((line) =>
        /still at it after \d+ s: installing packages \(log: \/logs\/image\.log\)/.test(line),
      ),
    );
    const [, took] = /built \((\d+) s\)/.exec(lines.at(-1) as string) ?? [];
    assert.ok(Number(took) >= 2, lines.at(-1));
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
