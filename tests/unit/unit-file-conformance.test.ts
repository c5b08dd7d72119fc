import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  formatUnitFile,
  isGlobal,
  parseUnitFile,
  readOptions,
  UnitFileError,
} from "../../provider/fleet/unit-file";
import { company, requiredMetadata, valuesOf } from "../../provider/fleet/x-fleet";

const section = (...lines: string[]) => `[Service]\nExecStart=/bin/a\n[X-Fleet]\n${lines.join("\n")}\n`;
const parsed = (lines: readonly string[], name?: string) => parseUnitFile(section(...lines), "x", name);
const refused = (lines: readonly string[], name?: string): string => {
  try {
    parsed(lines, name);
  } catch (error) {
    assert.ok(error instanceof UnitFileError);
    return error.problems.join("\n");
  }
  return assert.fail(`accepted: ${lines.join(", ")}`);
};

/** Each option's spellings, today's first, with a value of its own. */
const spellings = {
  MachineID: [["MachineID", "X-ConditionMachineID"], "abc"],
  MachineOf: [["MachineOf", "X-ConditionMachineOf"], "a.service"],
  MachineMetadata: [["MachineMetadata", "X-ConditionMachineMetadata"], "disk=ssd"],
  Conflicts: [["Conflicts", "X-Conflicts"], "b*"],
  Global: [["Global"], "true"],
} as const;
type Kind = keyof typeof spellings;
const kinds = Object.keys(spellings) as Kind[];
const linesOf = (kind: Kind) => spellings[kind][0].map((name) => `${name}=${spellings[kind][1]}`);

describe("fleet's rules for pairs of options, in every spelling", () => {
  /** fleet's api/units.go, ValidateOptions. */
  const excluded: readonly (readonly [Kind, Kind])[] = [
    ["MachineID", "MachineOf"],
    ["MachineID", "Conflicts"],
    ["MachineID", "Global"],
    ["Global", "MachineOf"],
    ["Global", "Conflicts"],
  ];
  const isExcluded = (one: Kind, other: Kind) =>
    excluded.some((pair) => pair.includes(one) && pair.includes(other) && one !== other);

  for (const [at, one] of kinds.entries()) {
    for (const other of kinds.slice(at + 1)) {
      const verdict = isExcluded(one, other) ? "are refused together" : "may stand together";
      it(`${one} and ${other} ${verdict}, in either order`, () => {
        for (const a of linesOf(one)) {
          for (const b of linesOf(other)) {
            for (const lines of [
              [a, b],
              [b, a],
            ]) {
              if (isExcluded(one, other)) assert.match(refused(lines), /cannot stand together/);
              else parsed(lines);
            }
          }
        }
      });
    }
  }

  for (const kind of ["MachineOf", "Conflicts", "MachineMetadata"] as const) {
    it(`${kind} may stand several times, in both spellings`, () =>
      void parsed([...linesOf(kind), ...linesOf(kind)]));
  }

  it("MachineID may not: fleet takes the first alone", () => {
    assert.match(refused(linesOf("MachineID")), /x:5: X-ConditionMachineID=abc is the second, .*take one/);
    assert.match(refused(["MachineID=a", "MachineID=b"]), /x:5: MachineID=b is the second/);
  });

  it("a peer may not be shunned, whatever the spelling of either", () => {
    for (const of of ["MachineOf", "X-ConditionMachineOf"])
      for (const conflicts of ["Conflicts", "X-Conflicts"])
        assert.match(
          refused([`${of}=b1.service`, `${conflicts}=b[0-9].service`]),
          /matches MachineOf=b1\.service/,
        );
  });

  it("a class that runs backwards matches nothing, as in Go, and is no reason to fail", () => {
    parsed(["MachineOf=b1.service", "Conflicts=b[9-0].service"]);
  });

  it("the boot's id, which fleet still knows, is refused with the machine's", () => {
    assert.match(refused(["X-ConditionMachineBootID=abc"]), /write MachineID=/);
  });
});

describe("a name that every object of JavaScript has", () => {
  it("is no option of [X-Fleet]", () => {
    for (const name of ["constructor", "toString", "hasOwnProperty"])
      assert.match(refused([`${name}=a`]), new RegExp(`${name} is no option of \\[X-Fleet\\]: write one of`));
  });
});

describe("what fleet makes of the options, in every spelling", () => {
  it("company are the units of MachineOf", () => {
    for (const name of spellings.MachineOf[0])
      assert.deepEqual(company("x@1.service", parsed([`${name}="a.service" "b.service"`])), [
        "a.service",
        "b.service",
      ]);
  });

  it("company is named by the unit's own instance", () => {
    assert.deepEqual(company("x-discovery@1.service", parsed(["MachineOf=x@%i.service"])), ["x@1.service"]);
  });

  it("metadata are collected by key", () => {
    const options = parsed(["MachineMetadata=disk=ssd", 'X-ConditionMachineMetadata="disk=nvme" "rack=7"']);
    const wanted = requiredMetadata(options);
    assert.deepEqual([...(wanted.get("disk") ?? [])].sort(), ["nvme", "ssd"]);
    assert.deepEqual([...(wanted.get("rack") ?? [])], ["7"]);
  });

  it("Global is the last of its values, quoted or not", () => {
    assert.ok(isGlobal(readOptions(section('Global="false" "true"'))));
    assert.ok(!isGlobal(readOptions(section("Global=true", 'Global="false"'))));
  });

  it("several values are parted as in fleet: one blank outside quotes, the quotes taken off", () => {
    for (const [line, values] of [
      ["a b", ["a b"]],
      ['"a" "b"', ["a", "b"]],
      ['"a b" "c"', ["a b", "c"]],
      ['"a""b"', ["ab"]],
      ['"a"  "b"', ["a", "", "b"]],
      ['"a"\t"b"', ["a\tb"]],
      ['a "b"', ['a "b"']],
      ['"', [""]],
    ] as const)
      assert.deepEqual(valuesOf(line), values, line);
  });
});

describe("what fleet would pass over in silence", () => {
  for (const [line, name, expected] of [
    [
      "MachineOf=a.service b.service",
      undefined,
      /fleet takes "a\.service b\.service" for one name; write each in quotes.*MachineOf="a\.service" "b\.service"/,
    ],
    ['Conflicts="a*"  "b*"', undefined, /fleet takes "" for one name.*Conflicts="a\*" "b\*"/],
    ['MachineOf="a.service', undefined, /MachineOf="a\.service"/],
    [
      "MachineOf=taiga-db",
      undefined,
      /no unit is called taiga-db; write its whole name, such as taiga-db\.service/,
    ],
    ["MachineOf=a@%j.service", undefined, /fleet fills %n, %N, %p and %i alone, not %j/],
    ["MachineOf=a@%i.service", "b.service", /%i is empty, since b\.service is no instance/],
    ["Conflicts=a[", undefined, /a\[ is no glob.*each bracket closed/],
  ] as const) {
    it(`is refused: ${line}${name ? ` in ${name}` : ""}`, () =>
      assert.match(refused([line], name), new RegExp(`^x:4: .*${expected.source}`)));
  }

  it("is not what a template and its instances may say", () => {
    for (const name of ["b@.service", "b@1.service"])
      parsed(["MachineOf=a@%i.service", "Conflicts=%p@*.service"], name);
  });
});

describe("the grammar", () => {
  const name = fc.stringMatching(/^[A-Z][A-Za-z]{2,10}$/);
  const word = fc.stringMatching(/^[!-Z^-~]{1,8}$/).filter((text) => !/^[#;]/.test(text));
  const words = fc.array(word, { minLength: 1, maxLength: 4 });
  const blank = fc.constantFrom("", " ", "\t");
  /** An option as a person may write it, and what is meant. */
  const option = fc
    .record({ name, words, before: blank, around: blank, broken: fc.boolean() })
    .map((one) => ({
      meant: { name: one.name, value: one.words.join(one.broken ? "  " : " ").trim() },
      text: `${one.before}${one.name}${one.around}=${one.around}${one.words.join(one.broken ? " \\\n" : " ")}`,
    }));
  const noise = fc.constantFrom("", "# a comment", "; another", "  # indented", "\t");
  const part = fc.record({
    section: fc.constantFrom("Unit", "Service", "X-Mine"),
    options: fc.array(fc.tuple(option, noise)),
  });

  it("is read through comments, blanks, repeated options and sections, and continued lines", () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const text = parts
          .map(({ section: title, options }) =>
            [`[${title}]`, ...options.flatMap(([{ text: line }, between]) => [between, line])].join("\n"),
          )
          .join("\n");
        const meant = parts.flatMap(({ section: title, options }) =>
          options.map(([{ meant: each }]) => ({ section: title, ...each })),
        );
        assert.deepEqual(readOptions(text), meant);
        // Written out, it is the same again, and a second writing changes nothing.
        const written = formatUnitFile(meant);
        assert.deepEqual(readOptions(written), meant);
        assert.equal(formatUnitFile(readOptions(written)), written);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps specifiers as they are in every section: fleet fills those of [X-Fleet], systemd the rest", () => {
    const text = "[Service]\nExecStart=/bin/a %n %i %% %H\n[X-Fleet]\nConflicts=%p@*.service\n";
    assert.deepEqual(
      parseUnitFile(text, "x", "a@1.service").map(({ value }) => value),
      ["/bin/a %n %i %% %H", "%p@*.service"],
    );
  });

  it("lets an empty assignment drop what came before it, as systemd does, in a service's commands", () => {
    const service = (...lines: string[]) =>
      parseUnitFile(`[Service]\n${lines.join("\n")}\n`, "x", "a.service");
    service("ExecStart=/bin/a", "ExecStart=", "ExecStart=/bin/b");
    assert.throws(() => service("ExecStart=/bin/a", "ExecStart="), /starts nothing/);
    assert.throws(() => service("ExecStart=", "ExecStart=/bin/a", "ExecStart=/bin/b"), /is the second/);
  });
});
