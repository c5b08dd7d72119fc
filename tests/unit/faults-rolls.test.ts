import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Cluster } from "../../faults/cluster";
import { rolls } from "../../faults/rolls";

const units = resolve(__dirname, "../../units");
const descriptionOf = (text: string): string | undefined => /^Description=.*$/m.exec(text)?.[0];

describe("a roll", () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "taiga-rolls-"));
    cpSync(units, join(directory, "units"), { recursive: true });
  });
  after(() => rmSync(directory, { recursive: true }));

  for (const { name, aim } of rolls) {
    it(`has pulumi up bring another description of its unit and nothing else, each time: ${name}`, async () => {
      const brought: string[] = [];
      let file = "";
      const stack = {
        directory,
        write: (path: string, text: string) => {
          file = path;
          writeFileSync(join(directory, path), text);
        },
        pulumi: async (...args: string[]) => {
          assert.deepEqual(args, ["up", "--yes", "--skip-preview"]);
          brought.push(readFileSync(join(directory, file), "utf8"));
        },
      };
      for (const _ of ["once", "again"]) await (await aim({ stack } as unknown as Cluster)).strike();
      const versions = [readFileSync(join(units, "..", file), "utf8"), ...brought];
      assert.equal(new Set(versions.map(descriptionOf)).size, 3);
      assert.equal(new Set(versions.map((text) => text.replace(/^Description=.*$/m, ""))).size, 1);
    });
  }
});
