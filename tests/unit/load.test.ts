import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Attempt } from "../support/ledger";
import { countsOf, shortcomingsOf } from "../support/load";

const attempt = (what: string, begun: number, answer: number): Attempt => ({
  what,
  subject: "",
  begun,
  ended: begun + 500,
  answer,
  succeeded: answer < 300,
  ...(answer >= 300 && { says: "nobody is there" }),
});
const many = (what: string): Attempt[] =>
  Array.from({ length: 20 }, (_, index) => attempt(what, index * 1000, 200));

describe("what came of a load", () => {
  it("is counted for each kind of request", () => {
    const counts = countsOf(["pages", "uploads"], [...many("pages"), attempt("pages", 25_000, 503)]);
    assert.equal(
      counts,
      "pages: 21 requests, 1 failed, longest stall 1.0 s\nuploads: 0 requests, 0 failed, longest stall 0.0 s",
    );
  });

  it("is as wanted when each kind was asked and did well", () => {
    assert.deepEqual(shortcomingsOf(["pages", "uploads"], [...many("pages"), ...many("uploads")]), []);
  });

  it("names a kind that was hardly asked, and one request that failed among many", () => {
    const attempts = [...many("pages"), attempt("pages", 0, 503), attempt("uploads", 0, 201)];
    assert.deepEqual(shortcomingsOf(["pages", "uploads"], attempts), [
      "uploads: 1 requests are no load",
      "pages: 503 nobody is there after 0.5 s, asked at 1970-01-01T00:00:00.000Z",
    ]);
  });
});
