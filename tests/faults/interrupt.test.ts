import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { untilAnswers } from "../../deploy/answers";
import { Client } from "../support/client";
import { TestStack } from "../support/stack";

/** Faults of the operator's side: the commands themselves are killed, on container machines, where a round is short. */
const stack = new TestStack("e2ek", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.94.0.0/24",
  "taiga:containers": "10.247.0.0/16",
});

/** A plain `pulumi up` does not wait, as deploy.sh does, until the entry address is where a gateway is. */
const answers = async () => {
  const outputs = await stack.outputs();
  await untilAnswers(new URL("/api/v1/", outputs.url), outputs.caCertificate, console.log);
  const { status } = await new Client(outputs, outputs.url, { keepAlive: false }).ask("/api/v1/userstories");
  assert.equal(status, 200);
};

/** Whether an engine that lives has the stack's lock. */
const isLocked = (): boolean => {
  const locks = join(stack.directory, ".state/pulumi/.pulumi/locks/organization/taiga", stack.name);
  if (!existsSync(locks)) return false;
  return readdirSync(locks).some((name) => {
    try {
      return existsSync(`/proc/${JSON.parse(readFileSync(join(locks, name), "utf8")).pid}`);
    } catch {
      return false; // it is being written, or is not a lock
    }
  });
};

/** How many dynamic providers work for a checkout. */
const providers = (directory: string): number =>
  readdirSync("/proc").filter((pid) => {
    try {
      return (
        readlinkSync(`/proc/${pid}/cwd`) === directory &&
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("cmd/dynamic-provider/")
      );
    } catch {
      return false;
    }
  }).length;

describe("an interrupted command", { timeout: 40 * 60_000 }, () => {
  before(() => stack.loadEnvironment());
  after(async () => {
    await stack.pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
    stack.removeCheckout();
  });

  it("leaves, killed at 4 s, at 9 s and when pulumi up is at work, a state from which ./deploy.sh converges", async () => {
    for (const seconds of [4, 9, 16]) {
      const deploy = stack.start("./deploy.sh", ["e2ek"]);
      let ended = false;
      void deploy.finished.then(() => {
        ended = true;
      });
      await sleep(seconds * 1000);
      while (seconds === 16 && !isLocked() && !ended) await sleep(100);
      assert.ok(!ended, `it had ended before ${seconds} s`);
      process.kill(-deploy.pid, "SIGKILL");
      await deploy.finished;
      // Half made is where the next one starts from.
    }
    // The moment in which the engine overwrites this file is too short to be struck by chance each time.
    writeFileSync(
      join(stack.directory, ".state/pulumi/.pulumi/stacks/taiga", `${stack.name}.json.attrs`),
      "",
    );
    const said = await stack.deploy();
    assert.match(said, /removed e2ek\.json\.attrs, which the engine was killed while writing/);
    assert.match(said, /cleared the lock of a process that is dead/);
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
    await up.says(/Rollout \S+ creating/); // gates wait from here on, up to a quarter of an hour
    process.kill(-up.pid, "SIGINT");
    const at = Date.now();
    const interrupted = await up.finished;
    assert.notEqual(interrupted.code, 0, "the interrupt came too late to prove anything");
    assert.match(interrupted.output, /interrupted; the next `pulumi up` goes on from here/);
    assert.ok(Date.now() - at < 30_000, `ended ${Date.now() - at} ms after the interrupt`);
    await stack.pulumi("up", "--yes", "--skip-preview");
    await answers();
    await stack.pulumi("preview", "--expect-no-changes");
  });

  it("in the middle of a roll leaves a state from which ./deploy.sh converges after SIGKILL of the engine alone", async () => {
    const members = async () =>
      (await stack.ssh("taiga-e2ek-1", "sudo etcdctl member list"))
        .split("\n")
        .map((line) => line.split(", ").slice(0, 3).join())
        .sort();
    const before = await members();
    await stack.pulumi(
      ...["config", "set", "--path", "taiga:cloudConfig"],
      "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: rolled",
    );
    const up = stack.start("pulumi", [
      ...["up", "--yes", "--skip-preview", "--stack", "e2ek", "--non-interactive"],
    ]);
    await up.says(/Membership \S+ creating replacement/);
    process.kill(up.pid, "SIGKILL");
    await up.finished;
    for (let tries = 0; providers(stack.directory) > 0 && tries < 100; tries += 1) await sleep(100);
    assert.equal(providers(stack.directory), 0, "providers whose engine is dead");
    await stack.deploy();
    await answers();
    assert.deepEqual(await members(), before);
    for (const machine of [1, 2, 3])
      assert.match(await stack.ssh(`taiga-e2ek-${machine}`, "cat /etc/motd"), /rolled/);
    await stack.pulumi("preview", "--expect-no-changes");
  });
});
