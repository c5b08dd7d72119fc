import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { FleetMachine } from "../../provider/clients/fleet";
import type { Connection } from "../../provider/connection";
import { staysOf } from "../../provider/fleet/gate/stays";

/** A machine that answers when it is told to. */
class Answering {
  readonly asked: string[] = [];
  readonly #waiting: { answer(said: string): void; fail(error: Error): void }[] = [];
  readonly #machine = { id: "m1", primaryIP: "10.0.0.1" } as FleetMachine;
  readonly #connection: Connection;

  constructor() {
    const succeed = (_: unknown, command: string): Promise<string> => {
      this.asked.push(command.split("ActiveEnterTimestamp ")[1] as string);
      return new Promise((answer, fail) => this.#waiting.push({ answer, fail }));
    };
    const machines = [{ name: "m1", address: this.#machine.primaryIP }];
    this.#connection = { machines, ssh: { succeed } } as unknown as Connection;
  }

  /** The times of units on it, in milliseconds. */
  times = async (...units: string[]): Promise<number[]> => {
    const placements = units.map((unit) => ({ unit, machine: this.#machine }));
    return (await staysOf(this.#connection, placements)).map(({ time }) => time);
  };

  /** Each of its units has been active for so many seconds, from the first one's on. */
  answer(...seconds: number[]): void {
    const now = Date.parse("2026-11-30T10:30:50Z");
    const units = seconds.map((each) => {
      const since = new Date(now - each * 1000).toISOString().replace("T", " ").replace("Z", "000 UTC");
      return `ActiveState=active\nActiveEnterTimestamp=Mon ${since}\n`;
    });
    this.#waiting.shift()?.answer(`${now}\n${units.join("\n")}`);
  }

  fail = (): void => this.#waiting.shift()?.fail(new Error("connection closed"));
}

const turns = async () => {
  for (let each = 0; each < 5; each += 1) await turn();
};

describe("for how long units have been active, asked by many gates", () => {
  let machine: Answering;
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    machine = new Answering();
  });
  afterEach(() => mock.timers.reset());

  it("is one question for all that are asked side by side", async () => {
    const one = machine.times("a.service", "b.service");
    const other = machine.times("c.service");
    await turns();
    assert.deepEqual(machine.asked, ["'a.service' 'b.service' 'c.service'"]);
    machine.answer(1, 2, 3);
    assert.deepEqual([await one, await other], [[1000, 2000], [3000]]);
  });

  it("is a second one for all who come while the first is under way, and never two at a time", async () => {
    const first = machine.times("a.service");
    await turns();
    const late = [machine.times("b.service"), machine.times("c.service")];
    await turns();
    assert.equal(machine.asked.length, 1);
    machine.answer(1);
    assert.deepEqual(await first, [1000]);
    await turns();
    assert.deepEqual(machine.asked.slice(1), ["'b.service' 'c.service'"]);
    machine.answer(2, 3);
    assert.deepEqual(await Promise.all(late), [[2000], [3000]]);
  });

  it("is no time for all whose question fails, and the next is asked", async () => {
    const both = [machine.times("a.service"), machine.times("b.service")];
    await turns();
    machine.fail();
    assert.deepEqual(await Promise.all(both), [[0], [0]]);
    const next = machine.times("a.service");
    await turns();
    machine.answer(1);
    assert.deepEqual(await next, [1000]);
  });

  it("is not waited for longer than half a minute from when the machine was asked", async () => {
    const hung = machine.times("a.service");
    await turns();
    mock.timers.tick(20_000);
    const late = machine.times("b.service");
    mock.timers.tick(10_000);
    assert.deepEqual(await hung, [0]);
    await turns();
    mock.timers.tick(29_000);
    machine.answer(1); // the first, too late
    machine.answer(2);
    assert.deepEqual(await late, [2000]);
  });
});
