import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backAfter, longestStall } from "../../faults/outage";
import { merge, table } from "../../faults/report";
import type { Outcome, Result } from "../../faults/result";
import { longestSilence, outOfTurn, readTicks } from "../../faults/ticks";
import { timeline } from "../../faults/timeline";
import type { Attempt } from "../support/ledger";

const struck = 10_000;
const until = 40_000;
const attempt = (begun: number, succeeded: boolean, took = 50): Attempt => ({
  what: "stories",
  subject: "",
  begun,
  ended: begun + took,
  answer: succeeded ? 201 : 503,
  succeeded,
});
/** One every 200 ms, those begun between two moments failing. */
const around = (from: number, to: number): Attempt[] =>
  Array.from({ length: 200 }, (_, index) => index * 200).map((begun) =>
    attempt(begun, begun < from || begun >= to),
  );

describe("the time until requests do well", () => {
  it("is none when nothing goes wrong", () => {
    assert.equal(backAfter(around(0, 0), struck, until), 0);
  });

  it("ends with the first answer as wanted after the last failure", () => {
    assert.equal(backAfter(around(struck, 22_000), struck, until), 12.05);
  });

  it("counts failures that come a while after the fault", () => {
    assert.equal(backAfter(around(15_000, 16_000), struck, until), 6.05);
  });

  it("counts silence, though nothing has failed", () => {
    const silent = around(0, 0).filter(({ begun }) => begun < struck || begun >= 25_000);
    assert.equal(backAfter(silent, struck, until), 15.05);
  });

  it("takes for silence what is longer than was usual before", () => {
    const slow = Array.from({ length: 14 }, (_, index) => attempt(index * 3_000, true));
    assert.equal(backAfter(slow, struck, until), 0);
  });

  it("takes one long answer among others that did well for what it is", () => {
    const one = [...around(0, 0), attempt(struck + 300, false, 20_000)];
    assert.equal(backAfter(one, struck, until), 0.45);
  });

  it("counts what was under way when the fault began, and failed by it", () => {
    const underWay = [...around(0, 0), attempt(struck - 100, false, 5_000)];
    assert.equal(backAfter(underWay, struck, until), 0.05);
    const before = [...around(0, 0), attempt(struck - 100, false, 50)];
    assert.equal(backAfter(before, struck, until), 0);
  });

  it("is undefined where it was wrong to the end", () => {
    assert.equal(backAfter(around(struck, 60_000), struck, until), undefined);
  });

  it("takes an answer that was slow to come as the fault was put right for one", () => {
    const answers = around(struck, 22_000).filter(({ begun }) => begun < until - 1_500);
    const slow = attempt(until - 1_500, true, 2_500);
    assert.equal(backAfter([...answers, slow], struck, until), 31);
    assert.equal(backAfter([...answers, { ...slow, succeeded: false }], struck, until), undefined);
    assert.equal(backAfter([...answers, attempt(until + 1, true)], struck, until), undefined);
    const fails = attempt(until + 100, false);
    assert.equal(backAfter([...around(0, 0), attempt(until - 100, true, 500), fails], struck, until), 0);
  });

  it("leaves out what went wrong as the fault was put right", () => {
    assert.equal(backAfter(around(38_500, 39_000), struck, 38_000), 0);
  });

  it("has the longest stall beside it", () => {
    assert.equal(longestStall(around(struck, 12_000)), 2.2);
  });
});

describe("the scheduler's ticks", () => {
  const logs = [
    "2026-01-01T00:00:03+00:00 b 9",
    "2026-01-01T00:00:01+00:00 a 7",
    "2026-01-01T00:00:02+00:00 a 7",
    "2026-01-01T00:00:04+00:0",
  ];

  it("are read from all machines' logs in the order of time, without lines that were cut short", () => {
    assert.deepEqual(
      readTicks(logs.join("\n")).map(({ machine, turn }) => [machine, turn]),
      [
        ["a", 7],
        ["a", 7],
        ["b", 9],
      ],
    );
  });

  it("of a turn that was over are named", () => {
    assert.deepEqual(outOfTurn(readTicks(logs.join("\n"))), []);
    const late = readTicks([...logs, "2026-01-01T00:00:05+00:00 a 7"].join("\n"));
    assert.deepEqual(outOfTurn(late), ["a at 2026-01-01T00:00:05.000Z"]);
  });

  it("leave a silence from the fault to the first and from the last on, too", () => {
    const ticks = readTicks(logs.join("\n"));
    const at = Date.parse("2026-01-01T00:00:00Z");
    assert.equal(longestSilence(ticks, at - 4_000, at + 3_500), 5);
    assert.equal(longestSilence(ticks, at, at + 10_000), 7);
    assert.equal(longestSilence([], at, at + 10_000), 10);
  });
});

describe("the report of faults", () => {
  const result: Result = {
    fault: "power cut",
    kind: "container",
    readsBackSeconds: 12.25,
    writesBackSeconds: null,
    failedRequests: 7,
    longestStallSeconds: 12,
    acknowledged: 400,
    lost: 0,
  };

  it("is a table, in which what never came back says so", () => {
    const [head, row] = table([result]).split("\n");
    assert.match(
      head ?? "",
      /^fault +machines +reads back +writes back +longest stall +failed +acknowledged +lost$/,
    );
    assert.match(row ?? "", /^power cut +container +12\.3 s +never +12\.0 s +7 +400 +0$/);
  });

  it("lays new results over earlier ones of the same fault and kind", () => {
    const others: Result[] = [
      { ...result, kind: "emulated" },
      { ...result, fault: "entry lost" },
    ];
    const fresh = { ...result, lost: 1 };
    assert.deepEqual(merge([...others, result], [fresh]), [...others, fresh]);
  });

  it("is drawn with the seconds in which requests failed", () => {
    const outcome: Outcome = {
      result,
      target: "all machines",
      struck,
      healed: 30_000,
      whole: 35_000,
      attempts: around(struck, 20_000),
      silence: 1,
      broken: [],
    };
    const svg = timeline([outcome]);
    const widths = (colour: string) =>
      [...svg.matchAll(new RegExp(`class="${colour}" x="[\\d.]+" y="\\d+" width="([\\d.]+)"`, "g"))].map(
        ([, width]) => Number(width),
      );
    assert.equal(widths("failed").length, 1);
    // Ten of thirty seconds.
    assert.ok(Math.abs((widths("failed")[0] as number) / (widths("well")[0] as number) - 2) < 0.2, svg);
    assert.match(svg, />power cut</);
  });
});
