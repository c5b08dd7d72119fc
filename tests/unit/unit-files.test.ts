import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { unitFolderProblems } from "../../components/unit-files";

describe("the unit files of a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "taiga-test-units-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

  it("have no problem when each could be launched", () => {
    write("a@.service", "[Service]\nExecStart=/bin/sleep %i\n");
    assert.deepEqual(unitFolderProblems(folder), []);
  });

  it("that are broken are all named", () => {
    write("a.service", "[Service]\nExecStart\n");
    write("b.service", "[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\nMachineOf=a.service\n");
    const problems = unitFolderProblems(folder);
    for (const expected of [/\/a\.service:2: "ExecStart" is no assignment/, /\/b\.service:\d: .*Global/])
      assert.equal(problems.filter((each) => expected.test(each)).length, 1, problems.join("\n"));
  });

  it("that cannot be read are named too, and what editors leave is none", () => {
    mkdirSync(join(folder, "folder.service"));
    symlinkSync("somebody@elsewhere", join(folder, ".#a.service"));
    const problems = unitFolderProblems(folder);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", /folder\.service: EISDIR/);
  });
});
