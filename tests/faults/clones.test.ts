import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { program } from "../support/cluster";
import { isRunning } from "../support/machines";
import { TestStack } from "../support/stack";

/**
 * Two clones of this project deploy a stack of the same name on one host, each one container machine without Taiga: what is
 * whose, what a clone keeps to itself, and what it does about what it has lost.
 */
const clone = () => {
  const stack = new TestStack("e2ex", {
    "taiga:machines": { count: 1, kind: "container" },
    "taiga:protectData": false,
    "taiga:network": "10.98.0.0/24",
    "taiga:containers": "10.218.0.0/16",
  });
  stack.write("index.ts", program(""));
  return stack;
};
const [one, two] = [clone(), clone()];
const prefix = "taiga-e2ex";

const fileOf = (stack: TestStack) => join(stack.directory, "Pulumi.e2ex.yaml");
const textOf = (stack: TestStack) => readFileSync(fileOf(stack), "utf8");
const line = (stack: TestStack, name: string) =>
  new RegExp(`^ *${name}: (.*)$`, "m").exec(textOf(stack))?.[1];
const virsh = (...args: string[]) =>
  execFileSync("virsh", ["-q", "-c", "qemu:///system", ...args], { encoding: "utf8" });
const volume = (name: string) => `/var/lib/taiga/${prefix}/${name}`;
const makeVolume = (name: string) => virsh("vol-create-as", prefix, name, "1M", "--format", "raw");

describe("two clones on one host", { timeout: 20 * 60_000 }, () => {
  let committed: string;

  before(async () => {
    committed = textOf(one);
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=e2e", "-c", "user.email=e2e@localhost", ...args], {
        cwd: one.directory,
        stdio: "pipe",
      });
    git("init", "-q");
    git("add", ".gitattributes", "Pulumi.e2ex.yaml");
    git("commit", "-q", "-m", "as it was");
    await one.deploy();
    await two.deploy();
  });
  after(async () => {
    for (const stack of [two, one]) {
      await stack.pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
      stack.removeCheckout();
    }
  });

  it("both deploy, with passphrases, names and networks of their own", async () => {
    assert.equal(line(one, "taiga:prefix"), undefined);
    assert.equal(line(two, "taiga:prefix"), `${prefix}-b`);
    assert.equal(line(one, "taiga:network"), "10.98.0.0/24");
    assert.notEqual(line(two, "taiga:network"), "10.98.0.0/24");
    assert.notEqual(line(one, "encryptionsalt"), line(two, "encryptionsalt"));
    for (const machine of [`${prefix}-1`, `${prefix}-b-1`]) assert.ok(isRunning(machine), machine);
    for (const stack of [one, two]) await stack.pulumi("preview", "--expect-no-changes");
  });

  it("have neither salt nor credentials in what git takes of the stack's file", () => {
    assert.match(textOf(one), /^encryptionsalt: v1:/m);
    execFileSync("git", ["add", "Pulumi.e2ex.yaml"], { cwd: one.directory });
    const taken = execFileSync("git", ["show", ":Pulumi.e2ex.yaml"], {
      cwd: one.directory,
      encoding: "utf8",
    });
    assert.doesNotMatch(taken, /salt|credentials|secure/);
  });

  it("get back what a checkout of that file took, though Pulumi has made another salt since", async () => {
    const whole = textOf(two);
    writeFileSync(fileOf(two), committed);
    await assert.rejects(two.pulumi("preview"), /taiga:credentials: is missing/);
    const salt = line(two, "encryptionsalt");
    assert.ok(salt && !whole.includes(salt));
    assert.match(await two.deploy(), /no changes/);
    assert.equal(line(two, "taiga:prefix"), `${prefix}-b`);
    assert.ok(whole.includes(`encryptionsalt: ${line(two, "encryptionsalt")}\n`));
  });

  it("do not take the secrets of the other for their own, and keep their copy of them", async () => {
    const whole = textOf(two);
    const [salt, credentials] = [/^encryptionsalt: .*\n/m, /^ {2}taiga:credentials:\n {4}secure: .*\n/m];
    const others = (pattern: RegExp) => pattern.exec(textOf(one))?.[0] ?? "";
    writeFileSync(fileOf(two), whole.replace(salt, others(salt)).replace(credentials, others(credentials)));
    await assert.rejects(
      two.deploy(),
      /are not this clone's.*take both out of the file, and run this again/s,
    );
    writeFileSync(fileOf(two), whole.replace(salt, "").replace(credentials, ""));
    assert.match(await two.deploy(), /no changes/);
    assert.equal(line(two, "encryptionsalt"), salt.exec(whole)?.[0].trim().replace("encryptionsalt: ", ""));
  });

  it("make no other credentials for machines that are there", async () => {
    const whole = textOf(two);
    writeFileSync(fileOf(two), committed);
    const saved = join(two.directory, ".state/e2ex.secrets.json");
    const copy = readFileSync(saved, "utf8");
    rmSync(saved);
    await assert.rejects(two.deploy(), /has \d+ resources.*lost the credentials they were made with/s);
    writeFileSync(saved, copy, { mode: 0o600 });
    writeFileSync(fileOf(two), whole);
    await two.pulumi("preview", "--expect-no-changes");
  });

  it("remove what their own killed update left, and neither what was there before nor what has data", async () => {
    makeVolume(`${prefix}-9`);
    assert.match(await one.deploy(), /nothing to recover/);
    await one.pulumi("config", "set", "--path", "taiga:machines.memory", "1344");
    const deploy = one.start("./deploy.sh", ["e2ex"]);
    await deploy.says(/pulumi up .*replacing/);
    process.kill(-deploy.pid, "SIGKILL");
    await deploy.finished;
    // As the libvirt provider leaves one that it had made when it was killed.
    makeVolume(`${prefix}-8`);
    makeVolume(`${prefix}-7-data`);
    writeFileSync(volume(`${prefix}-7-data`), "a row");
    await assert.rejects(one.deploy(), /taiga-e2ex-7-data is a data volume this stack has no record of/);
    for (const left of ["9", "8", "7-data"]) assert.ok(existsSync(volume(`${prefix}-${left}`)), left);

    virsh("vol-delete", `${prefix}-7-data`, "--pool", prefix);
    assert.match(await one.deploy(), /removed unrecorded volume taiga-e2ex-8/);
    assert.ok(!existsSync(volume(`${prefix}-8`)));
    assert.ok(existsSync(volume(`${prefix}-9`)), "what was there before the update is somebody else's");
    virsh("vol-delete", `${prefix}-9`, "--pool", prefix);
    await one.pulumi("preview", "--expect-no-changes");
  });

  it("do not notice when the other is destroyed", async () => {
    await one.pulumi("destroy", "--yes", "--skip-preview");
    assert.ok(!isRunning(`${prefix}-1`));
    assert.ok(!existsSync(`/var/lib/taiga/${prefix}`));
    await two.pulumi("preview", "--refresh", "--expect-no-changes");
  });
});
