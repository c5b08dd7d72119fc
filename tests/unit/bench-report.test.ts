import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inTurn, median, type Result, ratio } from "../../bench/benchmark";
import { chart } from "../../bench/chart";
import { merge, table } from "../../bench/report";
import { bytesOf, isOfMachine } from "../../bench/state";

const met: Result = { name: "preview", value: 1.1, unit: "ratio", goal: 1.25, against: "do-nothing" };
const missed: Result = { name: "units <300>", value: 2.4, unit: "ratio", goal: 1.3, against: "fleetctl" };
const size: Result = { name: "state", value: 980, unit: "bytes", goal: 1500 };

describe("benchmarks", () => {
  it("take the median of each round's ratio, so that a slow round counts for both or for neither", () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(ratio([1, 10, 3], [1, 10, 1]), 1);
  });

  it("measure the subjects in turn, each round beginning with another", async () => {
    const order: string[] = [];
    const subject = (name: string) => async () => order.push(name);
    await inTurn(2, () => {}, { a: subject("a"), b: subject("b") });
    assert.deepEqual(order, ["a", "b", "b", "a"]);
  });

  it("say in the table which goal is not met", () => {
    const [first, second, third] = table([met, missed, size]).split("\n") as [string, string, string];
    assert.match(first, /preview, against do-nothing\s+1\.10×\s+≤ 1\.25×$/);
    assert.match(second, /2\.40×.*not met$/);
    assert.match(third, /980 bytes\s+≤ 1500 bytes$/);
  });

  it("replace a result of the same name, unit and peer, and keep the others", () => {
    const faster = { ...met, value: 1 };
    const alone = { name: "preview", value: 1, unit: "ratio", against: "an empty program" } as const;
    assert.deepEqual(merge([met, alone, size], [faster]), [alone, size, faster]);
  });

  it("draw every result, cut off what is too long, and escape names", () => {
    const svg = chart([met, missed, size]);
    assert.equal(svg.match(/<rect /g)?.length, 2);
    assert.equal(svg.match(/class="goal"/g)?.length, 2);
    assert.equal(svg.match(/class="bar missed"/g)?.length, 1);
    assert.match(svg, /units &lt;300&gt;/);
    assert.match(svg, /980 bytes {2}\(goal: 1500 bytes\)/);
    const widths = [...svg.matchAll(/<rect [^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    assert.equal(Math.max(...widths), 300);
  });

  it("take of a state what some of its resources are, as the file backend writes it", () => {
    const stored = (name: string, text = "") => ({
      urn: `urn:pulumi:s::p::taiga:cluster:Machine$libvirt:index/volume:Volume::${name}`,
      type: "libvirt:index/volume:Volume",
      text,
    });
    const all = [stored("t-1-network"), stored("t-1-2-data", "abc"), stored("t-1-2"), stored("t-1-10")];
    const machines = all.filter((each) => isOfMachine(each, "t-1"));
    assert.deepEqual(machines, all.slice(1));
    assert.equal(isOfMachine(stored("t-10-1"), "t-1"), false, "another cluster's");
    const longer = all.map((each) => ({ ...each, text: `${each.text}1234567` }));
    const bytes = (of: typeof all) => bytesOf(of, (each) => isOfMachine(each, "t-1"));
    assert.equal(bytes(longer) - bytes(all), 21);
    assert.ok(bytes(all) > JSON.stringify(machines).length, "indentation counts");
  });
});
