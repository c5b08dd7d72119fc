import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { dropTornAttributes } from "../../deploy/state-files";
import { writeWhole } from "../../deploy/whole-file";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "taiga-test-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a backend's files", () => {
  it("lose what was being written beside the state when the engine was killed, and nothing else", () => {
    const stacks = join(folder, ".pulumi/stacks/taiga");
    mkdirSync(stacks, { recursive: true });
    const files = {
      "dev.json": '{"version":3}',
      "dev.json.attrs": "",
      "dev.json.bak": "",
      "dev.json.bak.attrs": '{"user.cache',
      "prod.json": "",
      "prod.json.attrs": '{"md5":"1B2M2Y8AsgTpgAmY7PhCfg=="}\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(stacks, name), text);
    assert.deepEqual(dropTornAttributes(folder, "taiga").sort(), ["dev.json.attrs", "dev.json.bak.attrs"]);
    assert.deepEqual(readdirSync(stacks).sort(), [
      "dev.json",
      "dev.json.bak",
      "prod.json",
      "prod.json.attrs",
    ]);
  });

  it("are none before the first stack", () => assert.deepEqual(dropTornAttributes(folder, "taiga"), []));
});

describe("a file that is written whole", () => {
  it("has text and mode, and leaves no draft", () => {
    writeWhole(join(folder, "secret"), "text", { mode: 0o600 });
    assert.equal(readFileSync(join(folder, "secret"), "utf8"), "text");
    assert.equal(statSync(join(folder, "secret")).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(folder), ["secret"]);
  });

  it("is another file than before, not the same one cut short and filled again", () => {
    const file = join(folder, "Pulumi.dev.yaml");
    writeFileSync(file, "before");
    chmodSync(file, 0o640);
    const { ino } = statSync(file);
    writeWhole(file, "after");
    assert.notEqual(statSync(file).ino, ino);
    assert.equal(statSync(file).mode & 0o777, 0o640);
  });

  it("is written where a link leads", () => {
    writeFileSync(join(folder, "real"), "before");
    symlinkSync("real", join(folder, "link"));
    writeWhole(join(folder, "link"), "after");
    assert.ok(lstatSync(join(folder, "link")).isSymbolicLink());
    assert.equal(readFileSync(join(folder, "real"), "utf8"), "after");
  });

  it("is not written where there is one and a new one is wanted", () => {
    writeFileSync(join(folder, "one"), "first");
    assert.throws(() => writeWhole(join(folder, "one"), "second", { onlyNew: true }), { code: "EEXIST" });
    assert.equal(readFileSync(join(folder, "one"), "utf8"), "first");
    assert.ok(!existsSync(join(folder, `one.${process.pid}.partial`)));
  });
});
