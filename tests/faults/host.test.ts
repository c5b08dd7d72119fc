import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../support/client";
import { isRunning, loseMachine, virsh } from "../support/machines";
import { type Outputs, TestStack } from "../support/stack";

/** Faults of the host, under container machines: it starts anew with all of them, and its libvirt loses track of one. */
const stack = new TestStack("e2en", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:services": "core",
  "taiga:protectData": false,
  "taiga:network": "10.96.0.0/24",
  "taiga:containers": "10.216.0.0/16",
});
const prefix = "taiga-e2en";

let outputs: Outputs;
const machines = () => outputs.machines.map(({ name }) => name);
const client = () => new Client(outputs, outputs.url, { keepAlive: false });

describe("a host", { timeout: 20 * 60_000 }, () => {
  before(async () => {
    await stack.deploy();
    outputs = await stack.outputs();
  });
  after(async () => {
    await stack.pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
    stack.removeCheckout();
  });

  it("that was started anew has its cluster back, with its rows, after ./deploy.sh", async () => {
    const written = await client().ask("/api/v1/userstories", {
      method: "POST",
      body: { subject: "before the host ended" },
    });
    assert.equal(written.status, 201, written.text);

    await Promise.all(machines().map((name) => loseMachine(name)));
    while (machines().some((name) => isRunning(name))) await sleep(200);
    for (const name of machines()) execFileSync("umount", ["-l", `/var/lib/taiga/${prefix}/${name}/root`]);
    execFileSync("virsh", ["-q", "-c", "qemu:///system", "net-destroy", prefix]);

    assert.match(await stack.deploy(), new RegExp(`started ${[prefix, ...machines()].join(", ")}`));
    // What deploy.sh asks needs no database, which may be reading its log yet.
    let read = await client().ask("/api/v1/userstories");
    for (const end = Date.now() + 120_000; read.status !== 200 && Date.now() < end; await sleep(500))
      read = await client().ask("/api/v1/userstories");
    assert.equal(read.status, 200, read.text);
    assert.match(read.text, /before the host ended/);
    await stack.pulumi("preview", "--expect-no-changes");
  });

  it("whose libvirt still lists a machine that is dead destroys the stack all the same", async (context) => {
    const [machine] = machines();
    assert.ok(machine);
    const controller = virsh("domid", machine).trim();
    const frozen = `/sys/fs/cgroup/freezer/machine/lxc-${controller}-${machine}.libvirt-lxc/freezer.state`;
    if (!existsSync(frozen))
      return context.skip("control groups of version 2 do not keep frozen processes from being killed");
    writeFileSync("/sys/fs/cgroup/freezer/cgroup.procs", controller); // a frozen one would not end
    writeFileSync(frozen, "FROZEN"); // so that libvirt, which waits for the end of its processes, goes on listing it
    process.kill(Number(controller), "SIGKILL");
    for (let tries = 0; existsSync(`/proc/${controller}`); tries += 1) {
      assert.ok(tries < 100, "libvirt's controller does not end");
      await sleep(50);
    }
    assert.ok(isRunning(machine));

    const thaw = setTimeout(() => existsSync(frozen) && writeFileSync(frozen, "THAWED"), 4_000);
    await stack.pulumi("destroy", "--yes", "--skip-preview").finally(() => clearTimeout(thaw));
    assert.doesNotMatch(virsh("list", "--all", "--name"), new RegExp(prefix));
    assert.ok(!existsSync(`/var/lib/taiga/${prefix}`));
  });
});
