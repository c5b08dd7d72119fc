import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { parseUnitFile, readOptions, UnitFileError } from "../../provider/fleet/unit-file";
import { Fleetctl } from "../support/fleetctl";

/** An instance, so that no specifier is empty. */
const unit = "x@1.service";

/** What we make of a text: its options, or the problems it is refused for. */
function ours(text: string): { options?: unknown; problems?: readonly string[] } {
  try {
    return { options: parseUnitFile(text, "x", unit) };
  } catch (error) {
    if (!(error instanceof UnitFileError)) throw error;
    return { problems: error.problems };
  }
}

const word = fc.stringMatching(/^[A-Za-z0-9%$"'/.,:=*?-]{1,8}$/);
const blank = fc.constantFrom("", " ", "\t", "  ");
const value = fc.oneof(
  { weight: 4, arbitrary: fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(" ")) },
  { weight: 1, arbitrary: fc.constant("") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("%n-%i-%p-%N", "$A $B", "a=b=c", 'x "y z"', "# no comment", "ü ☃"),
  },
  { weight: 1, arbitrary: fc.constantFrom("a\\b", "\\x2d", "[x]", ";") },
);
const assignment = (name: string) =>
  fc
    .record({
      before: blank,
      around: blank,
      after: blank,
      head: value,
      more: fc.array(value, { maxLength: 3 }),
      gap: blank,
    })
    .map(({ before, around, after, head, more, gap }) => {
      const continued = more
        .filter((text) => text !== "" && !/^[#;[]/.test(text))
        .map((text) => `\\\n${gap}${text}`);
      return `${before}${name}${around}=${after}${[head, ...continued].join(" ")}`;
    });
const comment = fc.tuple(blank, fc.constantFrom("#", ";"), word).map((parts) => parts.join(""));
const some = (...names: string[]) => fc.constantFrom(...names).chain(assignment);
const lines = (option: fc.Arbitrary<string>) =>
  fc.array(fc.oneof({ weight: 5, arbitrary: option }, comment, blank), { maxLength: 6 });
const xFleet = fc.constantFrom(
  ...["MachineID=0123456789abcdef", "MachineOf=a.service", "MachineOf=a@%i.service", "Conflicts=a@*.service"],
  ...["Conflicts=b?.service", "Global=true", "Global=false", "Global=TRUE", "MachineMetadata=a=b"],
  ...['MachineMetadata="a=b" "c=d"', "X-ConditionMachineID=abc", "X-ConditionMachineOf=b1.service"],
  ...["X-Conflicts=c*", "X-ConditionMachineMetadata=index=1", 'Conflicts="b*" "c*"'],
);
/** A file of the grammar, most of the time one that fleet takes. */
const unitFile = fc
  .record({
    head: lines(fc.constant("")),
    unit: lines(some("Description", "After", "Wants", "Documentation")),
    service: lines(some("ExecStartPre", "Environment", "EnvironmentFile", "ExecStop")),
    start: assignment("ExecStart"),
    fleet: fc.array(fc.oneof({ weight: 4, arbitrary: xFleet }, comment), { maxLength: 3 }),
    other: lines(some("Anything")),
  })
  .map(({ head, unit, service, start, fleet, other }) =>
    [
      ...head,
      "[Unit]",
      ...unit,
      "[Service]",
      ...service,
      start,
      ...(fleet.length > 0 ? ["[X-Fleet]", ...fleet] : []),
      ...(other.length > 0 ? ["  [X-Other]", ...other] : []),
      "",
    ].join("\n"),
  );

/** The same unit files read by us and by the real fleetctl. */
describe("unit files, beside what fleetctl sends for them", { timeout: 10 * 60_000 }, () => {
  let fleetctl: Fleetctl;

  before(async () => {
    fleetctl = await Fleetctl.start();
  });
  after(() => fleetctl?.stop());

  for (const file of readdirSync(join(__dirname, "../../units"))) {
    it(`${file} is the same`, async () => {
      const text = readFileSync(join(__dirname, "../../units", file), "utf8");
      const { options, says } = await fleetctl.submit(file, text);
      assert.ok(options, says);
      assert.deepEqual(parseUnitFile(text, file), options);
      assert.doesNotMatch(says, /WARN/);
    });
  }

  it("are the same options wherever we take a generated file, and fleet takes what we take", async () => {
    let taken = 0;
    let both = 0;
    await fc.assert(
      fc.asyncProperty(unitFile, async (text) => {
        const we = ours(text);
        const { options, says } = await fleetctl.submit(unit, text);
        if (we.options) {
          taken += 1;
          assert.deepEqual(options, we.options, says);
        } else if (options) both += 1;
      }),
      { numRuns: Number(process.env.FLEETCTL_RUNS ?? 300) },
    );
    assert.ok(taken >= 50, `${taken} of the files were taken by us, ${both} by fleetctl alone`);
  });

  it("that fleetctl refuses for its X-Fleet section are those that we refuse", async () => {
    // Of two MachineIDs fleet takes the first in silence.
    const machineIds = (options: readonly string[]) =>
      options.filter((each) => /MachineID=/.test(each)).length;
    const section = fc
      .array(xFleet, { minLength: 1, maxLength: 3 })
      .filter((options) => machineIds(options) < 2);
    await fc.assert(
      fc.asyncProperty(section, async (options) => {
        const text = `[Service]\nExecStart=/bin/a\n[X-Fleet]\n${options.join("\n")}\n`;
        const { options: sent, says } = await fleetctl.submit(unit, text);
        assert.equal(
          ours(text).problems === undefined,
          sent !== undefined,
          `${ours(text).problems}\n${says}`,
        );
      }),
      { numRuns: 150 },
    );
  });

  for (const [what, text] of [
    ["CR LF line ends", "[Service]\r\nExecStart=/bin/a\r\n"],
    ["no line end at the end", "[Service]\nExecStart=/bin/a"],
    ["blanks around everything", "  [Service]  \n\t ExecStart \t=  /bin/a  \n"],
    ["a continuation with tabs", "[Service]\nExecStart=/bin/a \\\n\t-b\\\n-c\n"],
    ["= in a value and an empty one", "[Service]\nEnvironment=\nEnvironment=A=b=c\nExecStart=/bin/a\n"],
    ["a section twice", "[Unit]\nAfter=a\n[Service]\nExecStart=/bin/a\n[Unit]\nAfter=b\n"],
    ["a comment that follows a comment", "#a\n;b\n[Service]\n#c\nExecStart=/bin/a # no comment\n"],
  ] as const) {
    it(`with ${what} are the same`, async () => {
      const { options, says } = await fleetctl.submit(unit, text);
      assert.deepEqual(ours(text).options, options, says);
    });
  }

  for (const [what, text] of [
    ["a comment within a continued line", "[Service]\nExecStart=/bin/a \\\n# b\n -c\n"],
    ["a continued line that ends in CR LF", "[Service]\r\nExecStart=/bin/a \\\r\n -c\r\n"],
  ] as const) {
    it(`with ${what} are refused by both`, async () => {
      const { options } = await fleetctl.submit(unit, text);
      assert.equal(options, undefined);
      assert.ok(ours(text).problems);
    });
  }

  it("that it reads in a way nobody means are refused by us", async () => {
    for (const text of [
      "[Service]\nExecStart=/bin/a \\\n# b\nRestart=no\n",
      "[Service]\nExecStart=/bin/a\n# c \\\nRestart=always\n",
      "[Service]\nExecStart=/bin/a\n[X-Fleet]\nMachineID=a\nMachineID=b\n",
      "[Service]\nExecStart=/bin/a\n[X-Fleet]\nMachineOf=a.service b.service\n",
      "[Service]\nExecStart=/bin/a\n[X-Fleet]\nConflicts=a[\n",
      "[Service]\nExecStart=/bin/a\n[X-Fleet]\nMachineOf=taiga-db\n",
    ]) {
      const { options } = await fleetctl.submit(unit, text);
      assert.ok(options, `fleetctl refuses it too: ${JSON.stringify(text)}`);
      const naive = readOptions(text);
      assert.ok(ours(text).problems, `${JSON.stringify(options)} beside ${JSON.stringify(naive)}`);
    }
  });
});
