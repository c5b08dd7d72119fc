import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TestStack } from "../support/stack";

/** Faults of the operator's side: the commands themselves are killed, on container machines, where a round is short. */
const stack = new TestStack("e2ek", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.94.0.0/24",
  "taiga:containers": "10.247.0.0/16",
});

const answers = async () => {
  const { url } = await stack.outputs();
  const response = await fetch(new URL("/api/v1/userstories", url), { signal: AbortSignal.timeout(30_000) });
  assert.equal(response.status, 200);
};

describe("an interrupted command", { timeout: 40 * 60_000 }, () => {
  before(() => stack.loadEnvironment());
  after(async () => {
    await stack.pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
    stack.removeCheckout();
  });

  for (const seconds of [4, 9, 16]) {
    it(`leaves a state from which ./deploy.sh converges after SIGKILL at ${seconds} s`, async () => {
      const deploy = stack.start("./deploy.sh", ["e2ek"]);
      await sleep(seconds * 1000);
      process.kill(-deploy.pid, "SIGKILL");
      await deploy.finished;
      // What was killed last is half made here; the round in the next test starts from whatever it is.
    });
  }

  it("converges at last", async () => {
    await stack.deploy();
    await answers();
    await stack.pulumi("preview", "--expect-no-changes");
  });

  it("leaves a state from which a plain pulumi up converges after SIGINT", async () => {
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    const up = stack.start("pulumi", [
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      "e2ek",
      "--non-interactive",
    ]);
    await sleep(8_000);
    process.kill(-up.pid, "SIGINT");
    const interrupted = await up.finished;
    assert.notEqual(interrupted.code, 0, "the interrupt came too late to prove anything");
    await stack.pulumi("up", "--yes", "--skip-preview");
    await answers();
    await stack.pulumi("preview", "--expect-no-changes");
  });
});
