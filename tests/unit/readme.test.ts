import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, it } from "node:test";

const root = resolve(__dirname, "../..");
const pages = [
  "README.md",
  ...["architecture", "contract", "decisions", "operations"].map((page) => `docs/${page}.md`),
];
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("the README and docs", () => {
  it("link to pages that exist", () => {
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        assert.ok(existsSync(join(root, dirname(page), target as string)), `${page} links to ${target}`);
      }
    }
  });

  it("name npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    for (const page of pages) {
      for (const [, name] of read(page).matchAll(/npm run ([\w-]+(?::[\w-]+)*)/g)) {
        assert.ok(scripts[name as string], `${page}: npm run ${name}`);
      }
    }
  });

  it("name folders and files that exist", () => {
    for (const [, path] of read("README.md").matchAll(/`([\w.@/-]+\/|[\w.@-]+\.(?:sh|ts|yaml|service))`/g)) {
      if (path !== ".state/") assert.ok(existsSync(join(root, path as string)), `README names ${path}`);
    }
  });

  it("give deploy.sh and npm test as the first two commands", () => {
    const commands = [...read("README.md").matchAll(/```sh\n([\s\S]*?)```/g)][0]?.[1] ?? "";
    assert.deepEqual(
      commands
        .split("\n")
        .filter(Boolean)
        .map((line) => line.replace(/\s*#.*/, "")),
      ["./deploy.sh", "npm test"],
    );
  });

  it("are checked by what CI runs", () => {
    assert.match(read(".ci/run"), /^exec npm test$/m);
  });
});

describe("deploy.sh", () => {
  it("stays at 30 lines", () => {
    assert.ok(read("deploy.sh").split("\n").length <= 31);
  });
});
