import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { committed, generate } from "../../sdks/libvirt";

const filesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]),
  );

describe("the committed SDK of the libvirt provider", { timeout: 15 * 60_000 }, () => {
  const work = mkdtempSync(join(tmpdir(), "taiga-test-sdk-"));
  let made: { schema: string; packageDir: string };
  before(async () => {
    made = await generate(work);
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  it("has the schema that the bridged provider gives", () => {
    assert.ok(
      readFileSync(made.schema).equals(readFileSync(committed.schema)),
      "npm run sdk, and commit what it changes",
    );
  });

  it("is the package generated from it, file by file", () => {
    const unpacked = join(work, "unpacked");
    mkdirSync(unpacked);
    execFileSync("tar", ["xzf", committed.tarball, "-C", unpacked, "--strip-components=1"]);
    const [is, should] = [filesOf(unpacked), filesOf(made.packageDir)];
    assert.deepEqual(Object.keys(is), Object.keys(should));
    for (const [name, text] of Object.entries(should)) assert.equal(is[name], text, name);
  });
});
