import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  formatUnitFile,
  isGlobal,
  parseUnitFile,
  readOptions,
  UnitFileError,
} from "../../provider/fleet/unit-file";

const refused = (text: string, name?: string): readonly string[] => {
  try {
    parseUnitFile(text, "units/x.service", name);
  } catch (error) {
    assert.ok(error instanceof UnitFileError);
    return error.problems;
  }
  return assert.fail(`accepted:\n${text}`);
};
const fleetSection = (...lines: string[]): string =>
  `[Service]\nExecStart=/bin/a\n[X-Fleet]\n${lines.join("\n")}\n`;

describe("a unit file", () => {
  it("is read as fleet reads it: comments, repeated options, continued lines", () => {
    const options = parseUnitFile(
      "# comment\n[Service]\n; another\nExecStartPre=/bin/a\n  ExecStartPre = /bin/b \\\n\t--long \\\n--more\n\n[X-Fleet]\nGlobal=true\n",
      "x",
    );
    assert.deepEqual(options, [
      { section: "Service", name: "ExecStartPre", value: "/bin/a" },
      { section: "Service", name: "ExecStartPre", value: "/bin/b  \t--long  --more" },
      { section: "X-Fleet", name: "Global", value: "true" },
    ]);
  });

  it("keeps an empty assignment, which resets a list for systemd", () => {
    assert.deepEqual(
      parseUnitFile("[Service]\nExecStart=\nExecStart=/bin/a", "x").map(({ value }) => value),
      ["", "/bin/a"],
    );
  });

  it("may have CR LF line ends, and = in values", () => {
    assert.deepEqual(parseUnitFile("[Service]\r\nEnvironment=A=b=c\r\n", "x"), [
      { section: "Service", name: "Environment", value: "A=b=c" },
    ]);
  });

  it("comes back the same after it was written out, in its order", () => {
    const option = fc.record(
      {
        section: fc.constantFrom("Unit", "Service", "X-Other"),
        name: fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/),
        value: fc.stringMatching(/^([!-~]([ -~]{0,30}[!-[\]-~])?)?$/).filter((text) => !text.endsWith("\\")),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(option, { minLength: 1 }), (options) => {
        assert.deepEqual(readOptions(formatUnitFile(options)), options);
      }),
    );
  });

  it("is never the cause of anything but the error that says so", () => {
    const line = fc.oneof(
      fc.constantFrom(
        "[Service]",
        "[X-Fleet]",
        "ExecStart=/bin/a \\",
        "# c \\",
        "Global=true",
        "",
        "[",
        "=x",
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parseUnitFile(lines.join("\n"), "x");
        } catch (error) {
          assert.ok(error instanceof UnitFileError);
          for (const problem of error.problems) assert.match(problem, /^x:\d+: /);
        }
      }),
    );
  });

  it("is refused with file, line, value and remedy of each mistake at once, in order", () => {
    const problems = refused(
      "Stray=1\n[Sevice]\nExecStart=/bin/a\nnot an option\n[X-Fleet]\nMachineOff=y\nGlobal=yes\n",
    );
    assert.deepEqual(problems, [
      'units/x.service:1: "Stray=1" stands before any section; write [Unit] or [Service] above it',
      "units/x.service:2: systemd knows no section [Sevice]: did you mean [Service]?",
      'units/x.service:4: "not an option" is no assignment; write Option=value, or # before a comment',
      "units/x.service:6: MachineOff is no option of [X-Fleet]: did you mean MachineOf?",
      "units/x.service:7: Global=yes: fleet takes all but true for false; write Global=true or Global=false",
    ]);
  });

  for (const [what, text, expected] of [
    ["a backslash with blanks after it", "ExecStart=/bin/a \\ \n --b", /x\.service:2: has blanks after/],
    ["a backslash before CR LF", "ExecStart=/bin/a \\\r\n --b", /:2: ends in CR LF, .*save the file with LF/],
    ["a backslash before an empty line", "ExecStart=/bin/a \\\n\nType=simple", /:2: ends in a backslash/],
    ["a backslash at the end of the file", "ExecStart=/bin/a \\", /:2: ends in a backslash/],
    ["a backslash that swallows a section", "ExecStart=/bin/a \\\n[Unit]", /:2: .* swallows \[Unit\]/],
    ["a comment within a continued line", "ExecStart=/bin/a \\\n# b\n --c", /:3: fleet takes this comment/],
    ["a comment that is continued", "# b \\\nExecStart=/bin/a", /:2: the comment ends in a backslash/],
    ["text after a section's name", "ExecStart=/bin/a\n[Unit] x", /:3: "\[Unit\] x" is no section/],
    ["a section that is not closed", "ExecStart=/bin/a\n[Unit", /:3: "\[Unit" is no section/],
    ["a section in wrong case", "ExecStart=/bin/a\n[X-fleet]\nGlobal=true", /did you mean \[X-Fleet\]\?/],
    ["an option without a name", "=/bin/a", /:2: "=\/bin\/a" is no assignment/],
  ] as const) {
    it(`is refused with ${what}`, () => assert.match(refused(`[Service]\n${text}\n`).join("\n"), expected));
  }

  it("is refused when it is empty", () => {
    assert.match(refused("# nothing\n").join(), /x\.service:1: has no options; write a \[Service\]/);
  });
});

describe("a unit file's sections, for the type of its name", () => {
  it("must start something in a service", () => {
    assert.match(
      refused("[Unit]\nDescription=a\n[Service]\nRestart=always\n", "a.service").join(),
      /:4: starts nothing; write ExecStart=/,
    );
    parseUnitFile("[Service]\nType=oneshot\nExecStop=/bin/a\n", "x", "a.service");
    const [only, ...more] = refused("[Unit]\nDescription=a\n[Service\nExecStart=/bin/a\n", "a.service");
    assert.match(only ?? "", /:3: "\[Service" is no section/);
    assert.deepEqual(more, [], "what it would start is not read, and no mistake of its own");
  });

  it("start one thing only, unless it is oneshot", () => {
    const two = "ExecStart=/bin/a\nExecStart=/bin/b\n";
    assert.match(refused(`[Service]\n${two}`, "a.service").join(), /:3: ExecStart=\/bin\/b is the second/);
    parseUnitFile(`[Service]\nType=oneshot\n${two}`, "x", "a.service");
    parseUnitFile("[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n", "x", "a.service");
  });

  it("are not those of another type", () => {
    assert.match(
      refused("[Service]\nExecStart=/bin/a\n", "a.timer").join(),
      /:1: \[Service\] has no place in a \.timer; write \[Timer\]/,
    );
    parseUnitFile(
      "[Timer]\nOnCalendar=daily\n[X-Fleet]\nMachineOf=a.service\n[X-Mine]\nA=b\n",
      "x",
      "a.timer",
    );
  });
});

describe("the X-Fleet section", () => {
  for (const [one, other] of [
    ["MachineID=abc", "MachineOf=a.service"],
    ["MachineID=abc", "Conflicts=a*"],
    ["MachineID=abc", "Global=true"],
    ["Global=true", "MachineOf=a.service"],
    ["Conflicts=b*", "Global=true"],
    ["X-ConditionMachineOf=a.service", "MachineID=abc"],
  ] as const) {
    it(`is refused with ${one} beside ${other}`, () => {
      assert.match(
        refused(fleetSection(one, other)).join(),
        /^units\/x\.service:5: \S+ and \S+ \(line 4\) cannot stand together/,
      );
    });
  }

  for (const [option, expected] of [
    ["Conflict=a*", /did you mean Conflicts\?/],
    ["machineof=a.service", /did you mean MachineOf\?/],
    ["Replaces=a.service", /came with fleet 1\.0/],
    ["Colour=red", /write one of MachineID, MachineOf, MachineMetadata, Conflicts, Global/],
    ["MachineOf=", /MachineOf= has no value/],
    ["MachineMetadata=index", /fleet ignores what is not key=value/],
    ["MachineMetadata=a=b=c", /fleet ignores what is not key=value/],
    ["MachineMetadata=a=b c=d", /each pair in quotes: MachineMetadata="a=b" "c=d"/],
  ] as const) {
    it(`is refused with ${option}`, () => assert.match(refused(fleetSection(option)).join(), expected));
  }

  it("may not share a machine with what it shuns", () => {
    assert.match(
      refused(fleetSection("MachineOf=db@1.service", "Conflicts=db@?.service")).join(),
      /:5: Conflicts=db@\?\.service matches MachineOf=db@1\.service/,
    );
    parseUnitFile(fleetSection("MachineOf=db.service", "Conflicts=back@*.service"), "x");
  });

  it("takes several pairs in quotes, and metadata beside Global", () => {
    parseUnitFile(fleetSection("Global=true", 'MachineMetadata="a=b" "c=d"', "MachineMetadata=e=f"), "x");
  });

  it("is global by its last Global, in any case, and Global=false excludes nothing", () => {
    assert.ok(isGlobal(parseUnitFile(fleetSection("Global=false", "Global=True"), "x")));
    assert.ok(!isGlobal(parseUnitFile(fleetSection("Global=true", "Global=false"), "x")));
    assert.ok(!isGlobal(parseUnitFile("[Service]\nGlobal=true\n", "x")));
    parseUnitFile(fleetSection("Global=false", "MachineOf=a.service"), "x");
  });
});

describe("the units of this project", () => {
  const folder = join(__dirname, "../../units");
  for (const file of readdirSync(folder)) {
    it(`${file} is valid`, () => {
      const text = readFileSync(join(folder, file), "utf8");
      const options = parseUnitFile(text, `units/${file}`, file);
      assert.ok(options.some(({ section, name }) => section === "Unit" && name === "Description"));
      assert.ok(!options.some(({ section }) => section === "Install"), "fleet starts units, not [Install]");
      assert.doesNotMatch(text, /password=/i);
    });
  }
});
