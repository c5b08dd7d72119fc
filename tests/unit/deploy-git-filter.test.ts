import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { onPath } from "../../deploy/host-packages";
import { keepSecretsOutOfGit } from "../../deploy/saved-secrets";

const project = resolve(__dirname, "../..");
const committed = "config:\n  taiga:network: 10.77.0.0/24\n";
const full = `encryptionsalt: v1:salt\n${committed}  taiga:credentials:\n    secure: v1:cipher\n`;

describe("a stack file in git", { skip: !onPath("git") && "no git here" }, () => {
  let clone: string;
  let path: string | undefined;
  const git = (...args: string[]) => {
    const person = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    return spawnSync("git", [...person, ...args], {
      cwd: clone,
      encoding: "utf8",
      env: { ...process.env, ...(path !== undefined && { PATH: path }) },
    });
  };
  const file = () => join(clone, "Pulumi.dev.yaml");

  beforeEach(async () => {
    clone = mkdtempSync(join(tmpdir(), "taiga-test-git-"));
    path = undefined;
    git("init", "--quiet");
    for (const name of [".gitattributes", "deploy/stack-file-filter.cjs"])
      cpSync(join(project, name), join(clone, name));
    await keepSecretsOutOfGit("/dev/null", clone);
    writeFileSync(file(), full);
  });
  afterEach(() => rmSync(clone, { recursive: true }));

  /** Git's own commands and a shell, but no Node. */
  const withoutNode = () => {
    const folder = join(clone, ".git/commands");
    mkdirSync(folder);
    for (const name of ["git", "sh", "cat"]) {
      const found = (process.env.PATH ?? "").split(delimiter).map((each) => join(each, name));
      symlinkSync(
        found.find((each) => spawnSync("test", ["-x", each]).status === 0) as string,
        join(folder, name),
      );
    }
    path = folder;
  };

  it("is stored without salt and credentials, also by who has no Node on the PATH", () => {
    withoutNode();
    assert.equal(git("add", ".").status, 0);
    assert.equal(git("show", ":Pulumi.dev.yaml").stdout, committed);
  });

  it("is refused where the filter cannot run, rather than stored with them", () => {
    rmSync(join(clone, "deploy/stack-file-filter.cjs"));
    const { status, stderr } = git("add", "Pulumi.dev.yaml");
    assert.notEqual(status, 0);
    assert.match(stderr, /clean filter 'taiga-stack' failed/);
    assert.equal(git("ls-files").stdout, "");
  });

  const secure = "v1:cipher:".padEnd(500, "c");
  const shapes = {
    "by four spaces": `config:\n    taiga:network: x\n    taiga:credentials:\n        secure: ${secure}\nencryptionsalt: v1:salt`,
    "over several lines": `config:\n  taiga:network: x\n  taiga:credentials:\n    secure: >-\n      ${secure}\nencryptionsalt: v1:salt\n`,
    "with carriage returns": `encryptionsalt: v1:salt\r\nconfig:\r\n  taiga:credentials:\r\n    secure: ${secure}\r\n  taiga:network: x\r\n`,
  };
  for (const [shape, text] of Object.entries(shapes)) {
    it(`is stored without them when they are written ${shape}`, () => {
      writeFileSync(file(), text);
      assert.equal(git("add", "Pulumi.dev.yaml").status, 0);
      assert.match(git("show", ":Pulumi.dev.yaml").stdout, /^config:\r?\n +taiga:network: x\r?\n$/);
    });
  }

  it("is refused in a shape that the filter does not know", () => {
    writeFileSync(file(), `config: { "taiga:credentials": { secure: ${secure} } }\n`);
    const { status, stderr } = git("add", "Pulumi.dev.yaml");
    assert.notEqual(status, 0);
    assert.match(stderr, /taiga:credentials would be stored: write each as `pulumi config` does/);
  });

  it("comes out of a checkout as it was stored", () => {
    assert.equal(git("add", ".").status, 0);
    assert.equal(git("commit", "--quiet", "--message=first").status, 0);
    rmSync(file());
    const { status, stderr } = git("checkout", "--", "Pulumi.dev.yaml");
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(file(), "utf8"), committed);
  });
});
