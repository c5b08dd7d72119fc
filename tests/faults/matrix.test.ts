import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { Fault } from "../../faults/fault";
import { faults } from "../../faults/faults";
import { matrix } from "../../faults/matrix";
import type { Outcome } from "../../faults/result";

/** How fast is for `npm run faults` to measure, on a host that has nothing else to do; here an outage has to end. */
const bearable = 60;
const isAny = ({ power }: Fault): boolean => power === "of a machine";
const notSlow = (each: string) => !each.endsWith("are promised");

/** The machines that lead something come first: those that led nothing are left. */
const leadersFirst = [...faults].sort((one, other) => Number(isAny(one)) - Number(isAny(other)));

/** Every fault of `npm run faults`, once, on container machines; not what it rolls. */
describe("a cluster under load", { timeout: 30 * 60_000 }, () => {
  let outcomes: Outcome[];
  const told: Outcome[] = [];

  before(async () => {
    outcomes = await matrix({
      faults: leadersFirst,
      brief: true,
      kind: "container",
      stack: "e2eq",
      network: "10.95.0.0/24",
      containers: "10.247.0.0/16",
      directory: join(tmpdir(), `taiga-e2eq-${process.pid}`),
      say: (line) => console.log(line),
      done: (outcome) => told.push(outcome),
    });
  });

  it("tells what came of each fault as soon as that is known", () => assert.deepEqual(told, outcomes));

  for (const { name, says, spared } of faults) {
    it(`keeps what it promises when ${says}`, () => {
      const outcome = outcomes.find(({ result }) => result.fault === name);
      assert.ok(outcome, "the cluster was not whole after the fault before");
      assert.deepEqual(outcome.broken.filter(notSlow), []);
      if (!spared)
        for (const back of [
          outcome.result.readsBackSeconds,
          outcome.result.writesBackSeconds,
          outcome.silence,
        ])
          assert.ok(back !== null && back <= bearable, `back after ${back} s`);
      assert.ok(outcome.result.acknowledged > 50, `${outcome.result.acknowledged} writes are no load`);
    });
  }
});
