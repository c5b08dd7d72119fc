import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { youngest } from "../../provider/fleet/gate/settled";

const now = Date.parse("2026-11-30T10:30:50.500Z");
const unit = (state: string, since: string) => `ActiveState=${state}\nActiveEnterTimestamp=${since}\n`;
const said = (...units: string[]) => `${now}\n${units.join("\n")}`;

describe("for how long all units of a machine have been active", () => {
  it("is as long as the youngest of them has", () => {
    const older = unit("active", "Mon 2026-11-30 09:00:00.000000 UTC");
    const younger = unit("active", "Mon 2026-11-30 10:30:47.123456 UTC");
    assert.equal(youngest(said(older, younger, older)), 3377);
  });

  it("is no time where one is not active, though it was", () => {
    const failed = unit("activating", "Mon 2026-11-30 09:00:00.000000 UTC");
    assert.equal(youngest(said(unit("active", "Mon 2026-11-30 09:00:00.000000 UTC"), failed)), 0);
  });

  it("is no time where one was never active, or nothing was said", () => {
    const here = unit("active", "Mon 2026-11-30 10:30:49.500000 UTC");
    assert.equal(youngest(said(here)), 1000);
    assert.equal(youngest(said(unit("activating", ""), here)), 0);
    assert.equal(youngest(said(here, unit("active", ""))), 0);
    assert.equal(youngest(""), 0);
  });

  it("is no time where the clock was set back", () => {
    assert.equal(youngest(said(unit("active", "Mon 2026-11-30 11:00:00.000000 UTC"))), 0);
  });
});
