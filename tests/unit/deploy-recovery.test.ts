import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { isBlank } from "../../deploy/blank";
import { root } from "../../deploy/environment";
import { isOf } from "../../deploy/libvirt-objects";
import { clearDeadLocks } from "../../deploy/locks";
import { deletionHappened, recorded } from "../../deploy/recorded";

const folder = mkdtempSync(join(tmpdir(), "taiga-test-recovery-"));
const locks = join(folder, ".pulumi/locks/organization/taiga/dev");
const progress = { say: () => {}, log: "/dev/null" };
after(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  rmSync(locks, { recursive: true, force: true });
  mkdirSync(locks, { recursive: true });
});
const lock = (content: object) => writeFileSync(join(locks, "one.json"), JSON.stringify(content));

describe("a lock left in the local backend", () => {
  const base = { username: "me", timestamp: "2024-01-01T00:00:00Z" };
  const dead = 2 ** 22 + 1; // above the kernel's largest process number

  it("is cleared when its process on this host is dead", async () => {
    lock({ ...base, hostname: hostname(), pid: dead });
    assert.equal(await clearDeadLocks(folder, "dev", progress), 1);
    assert.deepEqual(readdirSync(locks), []);
  });

  it("is cleared when its number belongs to another program by now", async () => {
    lock({ ...base, hostname: hostname(), pid: process.pid });
    assert.equal(await clearDeadLocks(folder, "dev", progress), 1);
  });

  it("is left alone on another host, with the command that clears it", async () => {
    lock({ ...base, hostname: "elsewhere", pid: dead });
    await assert.rejects(clearDeadLocks(folder, "dev", progress), /elsewhere.*pulumi cancel/s);
    assert.ok(existsSync(join(locks, "one.json")));
  });

  it("is cleared when it was cut off while being written", async () => {
    writeFileSync(join(locks, "one.json"), '{"pid":');
    assert.equal(await clearDeadLocks(folder, "dev", progress), 1);
  });
});

const own = [{ name: "libvirt:uri", uri: "qemu:///system" }];

describe("what a stack owns", () => {
  it("is machines named by its prefix and nothing but a number after it", () => {
    for (const kind of ["domain", "container"] as const) {
      for (const name of ["taiga-dev-1", "taiga-dev-12"]) assert.ok(isOf("taiga-dev", { kind, name }), name);
      for (const name of ["taiga-dev", "taiga-dev-b", "taiga-dev-b-1", "taiga-developer", "my-taiga-dev-1"])
        assert.ok(!isOf("taiga-dev", { kind, name }), name);
    }
  });

  it("is a network and a pool named by its prefix, and not those of a stack whose name ends in a number", () => {
    for (const kind of ["network", "pool"] as const) {
      assert.ok(isOf("taiga-dev", { kind, name: "taiga-dev" }));
      assert.ok(!isOf("taiga-dev", { kind, name: "taiga-dev-4" }));
      assert.ok(isOf("taiga-dev-4", { kind, name: "taiga-dev-4" }));
    }
    assert.ok(!isOf("taiga-dev-4", { kind: "domain", name: "taiga-dev-4" }));
  });

  it("is recorded by kind and name", () => {
    const state = {
      resources: [
        { urn: "u", type: "libvirt:index/domain:Domain", id: "uuid", outputs: { name: "taiga-dev-1" } },
        { urn: "u", type: "libvirt:index/volume:Volume", id: "/var/lib/taiga/taiga-dev/data-1", outputs: {} },
        { urn: "u", type: "libvirt:index/ignition:Ignition", id: "/pool/ign;5f-uuid", outputs: {} },
        { urn: "u", type: "command:local:Command", inputs: { environment: { NAME: "taiga-dev-3" } } },
      ],
    };
    const known = recorded(state, own);
    for (const one of [
      "domain taiga-dev-1 on libvirt:uri",
      "volume /var/lib/taiga/taiga-dev/data-1 on libvirt:uri",
      "volume /pool/ign on libvirt:uri",
      "container taiga-dev-3",
    ]) {
      assert.ok(known.has(one), one);
    }
    assert.ok(!known.has("domain taiga-dev-3 on libvirt:uri"));
  });

  it("is recorded where it is: several hypervisors have networks, pools and volumes of one name", () => {
    const network = (hypervisor: string) => ({
      urn: `urn:pulumi:dev::taiga::libvirt:index/network:Network::taiga-dev-${hypervisor}-network`,
      type: "libvirt:index/network:Network",
      outputs: { name: "taiga-dev" },
      provider: `urn:pulumi:dev::taiga::taiga:cluster:Cluster$pulumi:providers:libvirt::${hypervisor}::5f-uuid`,
    });
    const two = ["east", "west"].map((name) => ({ name, uri: `qemu+ssh://${name}.example.org/system` }));
    assert.deepEqual([...recorded({ resources: [network("west")] }, two)], ["network taiga-dev on west"]);
    assert.equal(recorded({ resources: two.map(({ name }) => network(name)) }, two).size, 2);
  });

  it("is not recorded by a resource that was deleted to be replaced", () => {
    const domain = { urn: "u", type: "libvirt:index/domain:Domain", outputs: { name: "taiga-dev-1" } };
    assert.equal(recorded({ resources: [{ ...domain, pendingReplacement: true }] }, own).size, 0);
  });
});

describe("a resource that was being deleted", () => {
  const domain = { urn: "u1", type: "libvirt:index/domain:Domain", outputs: { name: "taiga-dev-1" } };
  const deleting = [{ type: "deleting", resource: domain }];

  it("is forgotten only when libvirt no longer has it", () => {
    const here = new Set(["domain taiga-dev-1 on libvirt:uri"]);
    assert.equal(deletionHappened(domain, deleting, new Set(), own), true);
    assert.equal(deletionHappened(domain, deleting, here, own), false);
    assert.equal(deletionHappened(domain, [{ type: "updating", resource: domain }], new Set(), own), false);
    assert.equal(deletionHappened({ ...domain, urn: "u2" }, deleting, new Set(), own), false);
  });
});

describe("a data volume", () => {
  it("is blank until something is written to it", async () => {
    const image = join(folder, "data");
    execFileSync("qemu-img", ["create", "-q", "-f", "raw", image, "16M"]);
    assert.equal(await isBlank(image), true);
    // As deploy.sh runs it by sudo, for a user to whom the folder of the volumes is closed.
    const program = ["--require", "tsx/cjs", join(root, "deploy/blank.ts"), image];
    const asked = () => execFileSync(process.execPath, program, { cwd: root, encoding: "utf8" });
    assert.equal(asked(), "blank\n");
    execFileSync("mke2fs", ["-q", "-t", "ext4", image]);
    assert.equal(await isBlank(image), false);
    assert.equal(asked(), "written\n");
  });
});
