import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { SharedReading } from "../../provider/fleet/gate/shared-reading";

/** Readings that end when they are told to; each sees its own number. */
class Readings {
  readonly #ends: { see(): void; fail(error: Error): void }[] = [];

  get begun(): number {
    return this.#ends.length;
  }

  readonly read = (): Promise<number> =>
    new Promise((see, fail) => {
      const number = this.begun + 1;
      this.#ends.push({ see: () => see(number), fail });
    });

  see = (number: number): void => this.#ends[number - 1]?.see();
  fail = (number: number, error: Error): void => this.#ends[number - 1]?.fail(error);
}

describe("a reading that many wait for", () => {
  it("is one for all who begin side by side", async () => {
    const readings = new Readings();
    const shared = new SharedReading<number>();
    const since = Date.now();
    const all = [1, 2, 3].map(() => shared.get(since, readings.read));
    readings.see(1);
    assert.deepEqual(
      (await Promise.all(all)).map(({ value }) => value),
      [1, 1, 1],
    );
    assert.equal(readings.begun, 1);
  });

  it("is followed by one for all who came too late for it", async () => {
    const readings = new Readings();
    const shared = new SharedReading<number>();
    const first = shared.get(0, readings.read);
    const late = [1, 2, 3].map(() => shared.get(Date.now() + 1, readings.read));
    await turn();
    assert.equal(readings.begun, 1, "one at a time");
    readings.see(1);
    assert.equal((await first).value, 1);
    await turn();
    const later = shared.get(Date.now() + 1000, readings.read);
    await turn();
    assert.equal(readings.begun, 2, "one for the three, and the last waits for its end");
    readings.see(2);
    assert.deepEqual(
      (await Promise.all(late)).map(({ value }) => value),
      [2, 2, 2],
    );
    await turn();
    readings.see(3);
    assert.equal((await later).value, 3);
  });

  it("fails for those who share it, and begins anew for those after them", async () => {
    const readings = new Readings();
    const shared = new SharedReading<number>();
    const first = shared.get(0, readings.read);
    const late = shared.get(Date.now() + 1, readings.read);
    readings.fail(1, new Error("no answer"));
    await assert.rejects(first, /no answer/);
    await turn();
    readings.see(2);
    assert.equal((await late).value, 2);
  });

  it("is good enough for who asks later and need not know better", async (test) => {
    test.mock.timers.enable({ apis: ["Date"] });
    const readings = new Readings();
    const shared = new SharedReading<number>();
    const first = shared.get(0, readings.read);
    test.mock.timers.tick(100);
    readings.see(1);
    assert.deepEqual(await first, { value: 1, begun: 0, took: 100 });
    test.mock.timers.tick(2_000);
    assert.equal((await shared.get(0, readings.read)).value, 1);
    const second = shared.get(1, readings.read);
    readings.see(2);
    assert.deepEqual(await second, { value: 2, begun: 2_100, took: 0 });
  });

  it("is waited for by nobody else when it hangs", async (test) => {
    test.mock.timers.enable({ apis: ["Date", "setTimeout"] });
    const readings = new Readings();
    const shared = new SharedReading<number>();
    void shared.get(0, readings.read);
    const early = shared.get(1, readings.read);
    test.mock.timers.tick(30_001);
    const late = shared.get(30_000, readings.read);
    await turn();
    readings.see(2);
    assert.equal((await early).value, 2);
    assert.equal((await late).value, 2);
  });
});
