import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { findPulumi } from "../../deploy/engine";
import { missingForGo } from "../../deploy/go-toolchain";
import { libvirtdPlan } from "../../deploy/libvirtd";
import { opening } from "../../deploy/opening";
import { diskLine, findDisks, memoryLine, needs, readMemory } from "../../deploy/room";
import { keepEnvironment } from "../support/kept-environment";
import { writeProgram } from "../support/program";

const GiB = 2 ** 30;

describe("what deploy.sh says first", () => {
  it("is a line for each thing that it found or will do", () => {
    const says = opening(
      "dev",
      { kind: "local", says: "a backend" },
      { works: false, reason: "no KVM" },
      "/logs",
    );
    assert.match(says, /^Taiga, stack dev, on a backend\n {2}host {6}no KVM\n/);
    assert.deepEqual(
      [...says.matchAll(/^ {2}(\w+) +\S/gm)].map(([, what]) => what),
      ["host", "memory", "disk", "packages", "libvirt", "engine", "machines", "cluster", "cache"],
    );
  });
});

describe("the room that deploy.sh says a host has", () => {
  it("is the memory that programs can have, not what nobody has ever touched", () => {
    const text = "MemTotal:        8388608 kB\nMemFree:          100 kB\nMemAvailable:    4194304 kB\n";
    assert.deepEqual(readMemory(text), { total: 8 * GiB, available: 4 * GiB });
  });

  it("comes with a warning where the machines take more memory than is free", () => {
    assert.equal(memoryLine({ total: 8 * GiB, available: 6 * GiB }, 6), "6.0 of 8.0 GiB are free");
    assert.match(memoryLine({ total: 8 * GiB, available: 6 * GiB }, 8), /free\. WARNING: .* 8 GiB/);
    assert.doesNotMatch(memoryLine({ total: GiB, available: 0 }, 0), /WARNING/);
  });

  it("is counted once for what lies on one file system", () => {
    const contents = Object.keys(needs.disk) as (keyof typeof needs.disk)[];
    const disk = { folder: "/cache", contents };
    assert.match(diskLine([{ ...disk, free: 14.9e9 }]), /^14\.9 GB are free at \/cache\. WARNING: .* 15 GB/);
    assert.equal(diskLine([{ ...disk, free: 15e9 }]), "15.0 GB are free at /cache");
    assert.doesNotMatch(diskLine([{ ...disk, free: 6e9 }], ["what is built", "Go's own caches"]), /WARNING/);
  });

  it("is that of the file system which a folder not made yet will be on", () => {
    const folder = mkdtempSync(join(tmpdir(), "taiga-test-room-"));
    try {
      const [there, below] = [folder, join(folder, "no/such")].map((pool) => findDisks(pool).at(-1));
      assert.deepEqual(below?.contents, there?.contents);
      assert.ok((below?.free as number) > 0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("needs what the README says", () => {
    const readme = readFileSync(resolve(__dirname, "../../README.md"), "utf8");
    const disk = Object.values(needs.disk).reduce((sum: number, each) => sum + each, 0);
    for (const amount of [`${needs.memory.kvm} GiB`, `${needs.memory.emulated} GiB`, `${disk} GB`])
      assert.match(readme, new RegExp(`\\b${amount}\\b`));
  });
});

describe("what deploy.sh says it will do with libvirt", () => {
  it("is nothing where it answers, and to leave it to systemd where that runs", () => {
    assert.match(libvirtdPlan(true, false, true), /^answers on /);
    assert.match(libvirtdPlan(false, true, true), /systemd/);
  });

  it("names every setting and mount that it will change where it starts libvirtd itself", () => {
    const asRoot = libvirtdPlan(false, false, true);
    assert.match(asRoot, /qemu\.conf gets user, group, security_driver, namespaces, cgroup_controllers, /);
    assert.match(asRoot, /mount --make-rshared \//);
    assert.doesNotMatch(asRoot, /libvirtd\.conf/);
    assert.match(libvirtdPlan(false, false, false), /libvirtd\.conf gets unix_sock_group, /);
  });
});

describe("what deploy.sh says is there", () => {
  let folder: string;
  const restore = keepEnvironment("PATH", "TAIGA_CACHE");
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "taiga-test-opening-"));
    process.env.PATH = folder;
  });
  afterEach(() => {
    restore();
    rmSync(folder, { recursive: true });
  });

  it("is a pulumi by its version, not by its name", () => {
    for (const name of ["pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"])
      writeProgram(join(folder, "bin", name), "");
    writeProgram(join(folder, "bin/pulumi"), "echo v3.100.0");
    assert.equal(findPulumi(folder), undefined);
    writeProgram(join(folder, "bin/pulumi"), "echo v3.201.0");
    assert.deepEqual(findPulumi(folder), { bin: join(folder, "bin"), version: "3.201.0" });
  });

  it("is not pip, where Go is to be fetched with one", () => {
    process.env.TAIGA_CACHE = folder;
    assert.deepEqual(missingForGo(["99.0"]), ["python3", "python3-pip"]);
    writeProgram(join(folder, "python3"), "exit 0");
    assert.deepEqual(missingForGo(["99.0"]), []);
  });
});
