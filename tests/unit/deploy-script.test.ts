import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { writeProgram } from "../support/program";

const script = readFileSync(resolve(__dirname, "../../deploy.sh"), "utf8");

describe("deploy.sh on an empty host", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "taiga-test-script-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Runs a copy with a PATH of the given commands alone, each a script, and no folder of the host's on it. */
  function deploy(commands: Record<string, string>): { status: number | null; stderr: string } {
    const all = { dirname: "echo .", ...commands };
    for (const [name, text] of Object.entries(all)) writeProgram(join(folder, name), text);
    const copy = join(folder, "deploy.sh");
    writeFileSync(copy, script.replace(":/usr/sbin:/sbin", ""));
    return spawnSync("/bin/bash", [copy], {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: folder, HOME: folder },
    });
  }

  it("stops at another CPU architecture in one line, before it fetches anything", () => {
    const { status, stderr } = deploy({ uname: "echo aarch64" });
    assert.equal(status, 1);
    assert.match(stderr, /^[^\n]*\baarch64\b[^\n]*\bx86_64\b[^\n]*\n$/);
  });

  it("says the line that brings npm where there is no way to be root", () => {
    const { status, stderr } = deploy({ uname: "echo x86_64", id: "echo 1000" });
    assert.equal(status, 1);
    assert.match(stderr, /\n {2}apt-get update .*&& apt-get install .*npm ca-certificates\n$/);
    assert.doesNotMatch(stderr, /command not found/);
  });

  it("says it too where sudo does not let this user", () => {
    const { status, stderr } = deploy({ uname: "echo x86_64", id: "echo 1000", sudo: "exit 1" });
    assert.equal(status, 1);
    assert.match(stderr, /\n {2}apt-get update /);
  });
});
