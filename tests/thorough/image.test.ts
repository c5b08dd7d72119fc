import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Ledger } from "../support/ledger";
import { events, stories, uploads } from "../support/ledger-kinds";
import { type Outputs, TestStack } from "../support/stack";

/**
 * Every machine is replaced by one of another OS image, then by a larger one, while rows are written. The other image has the
 * bytes of the first under a key of its own: what is tested is the way from one to the other.
 */
const kind = process.env.E2E_KIND ?? "auto";
const isContainer = kind === "container";
const stack = new TestStack(`e2e${isContainer ? "y" : "z"}`, {
  "taiga:machines": { count: 3, kind },
  "taiga:protectData": false,
  "taiga:network": isContainer ? "10.116.0.0/24" : "10.117.0.0/24",
  "taiga:containers": isContainer ? "10.220.0.0/16" : "10.221.0.0/16",
});

describe(`machines of another image and size, ${kind}`, { timeout: 65 * 60_000 }, () => {
  let outputs: Outputs;
  /** Of the caches, what only this test's images have. */
  const ours: string[] = [];

  before(async () => {
    await stack.deploy();
    outputs = await stack.outputs();
  });
  after(async () => {
    await stack.pulumi("destroy", "--yes", "--skip-preview").catch(() => {});
    stack.removeCheckout();
    for (const each of ours) rmSync(each, { recursive: true, force: true });
  });

  const artifact = (which: "nodeImage" | "payload"): { key: string; dir: string } => {
    const script = `console.log(JSON.stringify(require("./images/artifacts").${which}()))`;
    const said = execFileSync(process.execPath, ["--require", "tsx/cjs", "-e", script], {
      cwd: stack.directory,
      encoding: "utf8",
    });
    return JSON.parse(said);
  };

  const identities = async () => {
    const [{ name }] = outputs.machines as [Outputs["machines"][number]];
    const members = await stack.ssh(name, "sudo etcdctl member list");
    const ids = "fleetctl list-machines --no-legend --full | awk '{print $1}' | sort";
    return `${members}\n${await stack.ssh(name, ids)}`;
  };

  const madeAt = () =>
    Promise.all(
      outputs.machines.map(({ name }) => stack.ssh(name, "sudo stat -c %Z /etc/taiga/machine.env")),
    );

  /** Changes the machines by `./deploy.sh`, and finds them to be who they were, with all that was acknowledged meanwhile. */
  const replaced = async (what: string): Promise<string> => {
    const [who, made] = [await identities(), await madeAt()];
    const ledger = new Ledger(outputs, `written while machines get ${what}`, {
      kinds: isContainer ? [stories, events, uploads] : [stories],
      writers: 1,
    });
    let said: string;
    try {
      said = await stack.deploy();
    } finally {
      await ledger.stop();
    }
    console.log(
      `${what}: ${ledger.acknowledged} acknowledged, longest stall ${ledger.longestStall()} s, answers ${JSON.stringify(ledger.answers())}`,
    );
    outputs = await stack.outputs();
    assert.ok(ledger.acknowledged > 0);
    assert.deepEqual(await ledger.lost(outputs, 300), []);
    assert.equal(await identities(), who);
    for (const [index, each] of (await madeAt()).entries())
      assert.notEqual(each, made[index], `machine ${index + 1} was made anew`);
    await stack.pulumi("preview", "--refresh", "--expect-no-changes");
    return said;
  };

  it("are replaced one after another by a new image, and lose nothing", async () => {
    const first = artifact("nodeImage");
    appendFileSync(join(stack.directory, "images/node.ts"), "\n// Another build.\n");
    const second = artifact("nodeImage");
    assert.notEqual(second.key, first.key);
    ours.push(second.dir, artifact("payload").dir);
    execFileSync("cp", ["-a", first.dir, second.dir]);
    assert.deepEqual(
      outputs.machines.map(({ image }) => image),
      Array(3).fill(`debian-${first.key}`),
    );
    await replaced("another image");
    assert.deepEqual(
      outputs.machines.map(({ image }) => image),
      Array(3).fill(`debian-${second.key}`),
    );
  });

  it("are replaced one after another by larger ones, and lose nothing", async () => {
    await stack.pulumi("config", "set", "--path", "taiga:machines.memory", "1344");
    await stack.pulumi("config", "set", "--path", "taiga:machines.vcpus", "2");
    await replaced("more memory and processors");
    for (const { name, hypervisor } of outputs.machines) {
      const uri = isContainer ? "lxc:///system" : hypervisor;
      const info = execFileSync("virsh", ["-c", uri, "dominfo", name], { encoding: "utf8" });
      assert.match(info, /Max memory:\s+1376256 KiB/);
      assert.match(info, /CPU\(s\):\s+2$/m);
    }
  });
});
