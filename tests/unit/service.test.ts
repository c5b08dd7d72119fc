import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import type { ServiceArgs, Service as ServiceClass } from "../../components/service";

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}
const made: Made[] = [];
/** Names, in the order in which the engine was asked for them and in which it had them. */
const order: string[] = [];

pulumi.runtime.setMocks(
  {
    newResource: (async ({ type, name, inputs }: pulumi.runtime.MockResourceArgs) => {
      order.push(`ask ${name}`);
      await sleep(20);
      order.push(`made ${name}`);
      made.push({ type, name, inputs });
      return { id: `${name}-id`, state: inputs };
    }) as never,
    call: () => ({}),
  },
  "taiga",
  "test",
  false,
);

describe("a Service", () => {
  const folder = mkdtempSync(join(tmpdir(), "taiga-service-"));
  let Service: typeof ServiceClass;

  before(async () => {
    ({ Service } = (await import(
      "../../components/service.js"
    )) as typeof import("../../components/service.js"));
    writeFileSync(join(folder, "w@.service"), "[Service]\nExecStart=/bin/w %i\n");
    writeFileSync(
      join(folder, "w-side@.service"),
      "[Service]\nExecStart=/bin/s\n[X-Fleet]\nMachineOf=w@%i.service\n",
    );
    writeFileSync(join(folder, "one.service"), "[Service]\nExecStart=/bin/one\n");
    writeFileSync(
      join(folder, "image.service"),
      "[Service]\nExecStartPre=/bin/image a/b:1\nExecStart=/bin/run -v /a/b:1/c:ro a/b:1 a/b:10 x\n",
    );
  });
  beforeEach(() => {
    made.length = 0;
    order.length = 0;
  });
  after(() => rmSync(folder, { recursive: true }));

  const declare = async (args: Omit<ServiceArgs, "folder">) => {
    const { rollout } = new Service("w", { folder, ...args });
    await new Promise((resolve) => rollout.urn.apply(resolve));
    const units = made.filter(({ type }) => type === "pulumi-nodejs:dynamic/fleet:Unit");
    const gate = made.find(({ type }) => type === "pulumi-nodejs:dynamic/fleet:Rollout");
    assert.ok(gate);
    return { units, gate: gate.inputs };
  };
  const template = { units: ["w-side@", "w@", "one"] };

  it("runs other images than the unit files name, wherever they are a word of their own", async () => {
    const { units } = await declare({ units: ["image"], images: { "a/b:1": "127.0.0.1:5000/a/b:2-ff" } });
    assert.equal(
      units[0]?.inputs.content,
      "[Service]\nExecStartPre=/bin/image 127.0.0.1:5000/a/b:2-ff\nExecStart=/bin/run -v /a/b:1/c:ro 127.0.0.1:5000/a/b:2-ff a/b:10 x\n",
    );
  });

  it("is each instance of its templates, its other units, and a gate over all", async () => {
    const { units, gate } = await declare({ ...template, instances: 2, timeoutSeconds: 60 });
    assert.deepEqual(units.map(({ name }) => name).sort(), [
      "one.service",
      "w-side@1.service",
      "w-side@2.service",
      "w@1.service",
      "w@2.service",
    ]);
    assert.deepEqual([...(gate.units as string[])].sort(), units.map(({ name }) => name).sort());
    assert.equal(gate.timeoutSeconds, 60);
    const unit = units.find(({ name }) => name === "w@2.service")?.inputs;
    assert.equal(unit?.content, "[Service]\nExecStart=/bin/w %i\n");
    assert.equal(unit?.file, "units/w@.service");
    assert.equal(unit?.desiredState, "launched");
    assert.equal(unit?.adopt, undefined);
  });

  it("adds just an instance and its sidekick when it is scaled: the others' inputs stay the same", async () => {
    const two = await declare({ ...template, instances: 2 });
    made.length = 0;
    const three = await declare({ ...template, instances: 3 });
    const added = three.units.filter(({ name }) => !two.units.some((each) => each.name === name));
    assert.deepEqual(added.map(({ name }) => name).sort(), ["w-side@3.service", "w@3.service"]);
    for (const { name, inputs } of two.units)
      assert.deepEqual(three.units.find((each) => each.name === name)?.inputs, inputs);
    assert.notEqual(two.gate.revision, three.gate.revision, "the gate waits for what was added");
  });

  it("makes a sidekick after the unit it goes with, so that it is deleted before it, and the gate last", async () => {
    await declare({ ...template, instances: 1 });
    const at = (what: string) => order.indexOf(what);
    assert.ok(at("ask w-side@1.service") > at("made w@1.service"), order.join(", "));
    assert.ok(at("ask one.service") < at("made w@1.service"), "others go out together");
    const gateAsked = order.lastIndexOf("ask w");
    assert.ok(gateAsked > at("made w-side@1.service") && gateAsked > at("made one.service"));
  });

  it("may be scaled to nothing, and adopts when it is told to", async () => {
    const { units, gate } = await declare({ units: ["w@"], instances: 0 });
    assert.deepEqual([units, gate.units], [[], []]);
    const adopting = await declare({ units: ["one"], adopt: true });
    assert.equal(adopting.units[0]?.inputs.adopt, true);
  });

  it("refuses a number of instances that is none, and a file that is not there, by name", () => {
    assert.throws(
      () => new Service("w", { folder, units: ["w@"], instances: 1.5 }),
      /service w: instances: 1\.5 .*write 0, 1, 2/,
    );
    assert.throws(
      () => new Service("w", { folder, units: ["absent"] }),
      /service w: units: \S*absent\.service cannot be read \(ENOENT\).*without \.service/,
    );
  });

  it("refuses broken unit files, each with its line and the remedy, before it declares a unit", async () => {
    writeFileSync(join(folder, "line@.service"), "[Service]\nExecStart=/bin/w %i\nno assignment\n");
    writeFileSync(
      join(folder, "pair.service"),
      "[Service]\nExecStart=/bin/w\n[X-Fleet]\nGlobal=true\nMachineOf=one.service\n",
    );
    const broken = { folder, units: ["one", "line@", "pair"], instances: 2 };
    assert.throws(
      () => new Service("w", broken),
      (error: Error) => {
        assert.ok(pulumi.RunError.isInstance(error), "shown without a stack trace");
        const [line, pair, ...others] = error.message.split("\n");
        assert.match(
          line ?? "",
          /^\S*\/line@\.service:3: "no assignment" is no assignment; write Option=value/,
        );
        assert.match(pair ?? "", /^\S*\/pair\.service:5: Global and MachineOf \(line 4\).*take one of/);
        assert.deepEqual(others, []);
        return true;
      },
    );
    await sleep(50);
    assert.deepEqual(
      made.filter(({ type }) => type.endsWith("fleet:Unit")),
      [],
    );
  });

  it("refuses a file whose name no unit can have", () => {
    writeFileSync(join(folder, "a b.service"), "[Service]\nExecStart=/bin/w\n");
    assert.throws(
      () => new Service("w", { folder, units: ["a b"] }),
      /a b\.service: "a b\.service" is no unit's name; write letters/,
    );
  });
});
