import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetUnit, UnitState } from "../../provider/clients/fleet";
import { lacksAt, placementsOf } from "../../provider/fleet/gate/lacks";
import { readOptions } from "../../provider/fleet/unit-file";

const machines = ["1", "2"].map((index) => ({
  id: `m${index}`,
  primaryIP: `10.0.0.${index}`,
  metadata: { index },
}));
const unit = (name: string, xFleet = "", given: Partial<FleetUnit> = {}): FleetUnit => ({
  name,
  options: readOptions(`[Service]\nExecStart=/bin/true\n[X-Fleet]\n${xFleet}\n`),
  desiredState: "launched",
  ...given,
});
const state = (name: string, machineID: string, systemdActiveState: string): UnitState => ({
  ...{ name, machineID, systemdActiveState, systemdSubState: "?" },
});
const lacks = (units: FleetUnit[], states: UnitState[]) =>
  lacksAt({ units, states, machines }, "10.0.0.1").map((lack) => lack.unit);

describe("what a machine that came back still lacks", () => {
  it("is a unit that is there and not active, and a global one that is not loaded", () => {
    const units = [
      unit("here.service", "", { machineID: "m1" }),
      unit("well.service", "", { machineID: "m1" }),
      unit("there.service", "", { machineID: "m2" }),
      unit("all.service", "Global=true"),
      unit("other.service", "Global=true\nMachineMetadata=index=2"),
      unit("idle.service", "", { machineID: "m1", desiredState: "loaded" }),
    ];
    const states = [state("here.service", "m1", "activating"), state("well.service", "m1", "active")];
    assert.deepEqual(lacks(units, states), ["here.service", "all.service"]);
  });

  it("is an instance that only this machine may have, while fleet has not given it back", () => {
    const units = [
      unit("db@1.service", "MachineMetadata=index=%i"),
      unit("db@2.service", "MachineMetadata=index=%i"),
      unit("any.service"),
    ];
    assert.deepEqual(lacks(units, []), ["db@1.service"]);
  });
});

it("units are placed on the machine fleet gave them to; global ones on all that have the metadata they ask for", () => {
  const units = [
    unit("here.service", "", { machineID: "m1" }),
    unit("all.service", "Global=true"),
    unit("some.service", "Global=true\nMachineMetadata=index=2"),
    unit("nowhere.service"),
    unit("unasked.service", "", { machineID: "m1" }),
  ];
  const names = ["here.service", "all.service", "some.service", "nowhere.service"];
  const placed = placementsOf({ units, machines }, names).map((each) => [each.unit, each.machine?.id]);
  assert.deepEqual(placed, [
    ["here.service", "m1"],
    ["all.service", "m1"],
    ["all.service", "m2"],
    ["some.service", "m2"],
    ["nowhere.service", undefined],
  ]);
});
