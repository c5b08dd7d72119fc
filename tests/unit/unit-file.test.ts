import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  checkUnitName,
  formatUnitFile,
  isGlobal,
  parseUnitFile,
  UnitFileError,
} from "../../provider/fleet/unit-file";

const refused = (text: string): readonly string[] => {
  try {
    parseUnitFile(text, "units/x.service");
  } catch (error) {
    assert.ok(error instanceof UnitFileError);
    return error.problems;
  }
  return assert.fail(`accepted:\n${text}`);
};

describe("a unit file", () => {
  it("is read with comments, repeated options and continued lines", () => {
    const options = parseUnitFile(
      "# comment\n[Service]\n; another\nExecStartPre=/bin/a\nExecStartPre=/bin/b \\\n  --long\n\n[X-Fleet]\nGlobal=true\n",
      "x",
    );
    assert.deepEqual(options, [
      { section: "Service", name: "ExecStartPre", value: "/bin/a" },
      { section: "Service", name: "ExecStartPre", value: "/bin/b  --long" },
      { section: "X-Fleet", name: "Global", value: "true" },
    ]);
    assert.ok(isGlobal(options));
  });

  it("keeps an empty assignment, which resets a list for systemd", () => {
    assert.deepEqual(
      parseUnitFile("[Service]\nExecStart=\nExecStart=/bin/a", "x").map(({ value }) => value),
      ["", "/bin/a"],
    );
  });

  it("comes back the same after it was written out", () => {
    const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,12}$/);
    const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-[\]-~])?$/);
    const option = fc.record(
      {
        section: fc.constantFrom("Unit", "Service"),
        name: word,
        value: value.filter((text) => !text.endsWith("\\")),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(option, { minLength: 1 }), (options) => {
        const order = [...new Set(options.map(({ section }) => section))];
        const first = order.flatMap((section) => options.filter((each) => each.section === section));
        assert.deepEqual(parseUnitFile(formatUnitFile(options), "x"), first);
      }),
    );
  });

  it("is refused with file, line and value of each mistake at once", () => {
    const problems = refused(
      "Stray=1\n[Service]\nExecStart=/bin/a\nnot an option\n[X-Fleet]\nMachineOff=y\nGlobal=yes\n",
    );
    assert.equal(problems.length, 4);
    assert.match(problems.join("\n"), /units\/x\.service:1: .*before any section/);
    assert.match(problems.join("\n"), /units\/x\.service:4: "not an option"/);
    assert.match(problems.join("\n"), /units\/x\.service:6: MachineOff is no option .*MachineOf/);
    assert.match(problems.join("\n"), /units\/x\.service:7: Global=yes.*Global=true/);
  });

  for (const [one, other] of [
    ["MachineID=abc", "MachineOf=a.service"],
    ["MachineID=abc", "Conflicts=a*"],
    ["MachineID=abc", "Global=true"],
    ["Global=true", "MachineOf=a.service"],
    ["Global=true", "Replaces=a.service"],
    ["Conflicts=a*", "Replaces=a.service"],
  ]) {
    it(`is refused with ${one} beside ${other}`, () => {
      assert.match(
        refused(`[Service]\nExecStart=/bin/a\n[X-Fleet]\n${one}\n${other}\n`).join(),
        /units\/x\.service:5: .*cannot stand together/,
      );
    });
  }

  it("may be global and conflict, and Global=false excludes nothing", () => {
    parseUnitFile("[Service]\nExecStart=/bin/a\n[X-Fleet]\nGlobal=true\nConflicts=b*\n", "x");
    parseUnitFile("[Service]\nExecStart=/bin/a\n[X-Fleet]\nGlobal=false\nMachineOf=a.service\n", "x");
  });

  it("has a name fleet can run", () => {
    checkUnitName("taiga-back@1.service");
    assert.throws(() => checkUnitName("taiga-back@.service"), /template.*taiga-back@1\.service/);
    assert.throws(() => checkUnitName("taiga back.service"), /no unit's name/);
  });
});

describe("the units of this project", () => {
  const folder = join(__dirname, "../../units");
  for (const file of readdirSync(folder)) {
    it(`${file} is valid`, () => {
      const text = readFileSync(join(folder, file), "utf8");
      const options = parseUnitFile(text, `units/${file}`);
      assert.ok(options.some(({ section, name }) => section === "Unit" && name === "Description"));
      assert.ok(!options.some(({ section }) => section === "Install"), "fleet starts units, not [Install]");
      assert.doesNotMatch(text, /password=/i);
    });
  }
});
