import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { activeTimes } from "../../provider/fleet/gate/stays";

const now = Date.parse("2026-11-30T10:30:50.500Z");
const unit = (state: string, since: string) => `ActiveState=${state}\nActiveEnterTimestamp=${since}\n`;
const said = (...units: string[]) => `${now}\n${units.join("\n")}`;

describe("for how long each unit of a machine has been active", () => {
  it("is the time since it became so", () => {
    const older = unit("active", "Mon 2026-11-30 09:00:00.000000 UTC");
    const younger = unit("active", "Mon 2026-11-30 10:30:47.123456 UTC");
    assert.deepEqual(activeTimes(said(older, younger, older)), [5_450_500, 3377, 5_450_500]);
  });

  it("is no time where it is not active, though it was", () => {
    const before = "Mon 2026-11-30 09:00:00.000000 UTC";
    assert.deepEqual(activeTimes(said(unit("active", before), unit("activating", before))), [5_450_500, 0]);
  });

  it("is no time where it was never active", () => {
    const here = unit("active", "Mon 2026-11-30 10:30:49.500000 UTC");
    assert.deepEqual(activeTimes(said(unit("activating", ""), here, unit("active", ""))), [0, 1000, 0]);
  });

  it("is not known where nothing was said", () => {
    assert.deepEqual(activeTimes(""), []);
  });

  it("is no time where the clock was set back", () => {
    assert.deepEqual(activeTimes(said(unit("active", "Mon 2026-11-30 11:00:00.000000 UTC"))), [0]);
  });
});
