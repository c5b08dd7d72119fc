import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FleetUnit } from "../../provider/clients/fleet";
import { check, diff } from "../../provider/cluster/configuration-provider";
import * as disk from "../../provider/cluster/data-disk-provider";
import { notEmptied, placesOn } from "../../provider/cluster/emptying";
import * as provider from "../../provider/cluster/holders-provider";
import { changeOfMakeup, type Makeup } from "../../provider/cluster/makeup";
import { initialCluster, inTheWay, type Member, majority, quorumLacks } from "../../provider/cluster/members";
import { changeOfShape } from "../../provider/cluster/shape";
import type { Snapshot } from "../../provider/fleet/gate/readings";
import { readOptions } from "../../provider/fleet/unit-file";

const machine = (index: number) => ({ name: `m-${index}`, address: `10.0.0.${index}` });
const member = (index: number, more: Partial<Member> = {}): Member => ({
  ID: String(index),
  name: `m-${index}`,
  peerURLs: [`https://10.0.0.${index}:2380`],
  clientURLs: [`https://10.0.0.${index}:2379`],
  isLearner: false,
  ...more,
});
const unstarted = (index: number) => member(index, { name: "", clientURLs: [], isLearner: true });

describe("etcd's members", () => {
  it("are told to one that joins by their names, those that have not started by the names they are planned with", () => {
    const planned = [1, 2, 3].map(machine);
    assert.equal(
      initialCluster([member(1), unstarted(3)], planned),
      "m-1=https://10.0.0.1:2380,m-3=https://10.0.0.3:2380",
    );
    assert.match(initialCluster([unstarted(9)], planned), /^member-9=/);
  });

  it("make room for a blank machine: its own earlier member, and a learner nobody will start", () => {
    const isPlanned = (each: Member) => ["1", "2", "3"].includes(each.ID);
    const ids = (members: Member[], index: number) =>
      inTheWay(members, machine(index), isPlanned).map(({ ID }) => ID);
    assert.deepEqual(ids([member(1), member(2), member(3)], 2), ["2"]);
    assert.deepEqual(
      ids([member(1), unstarted(2)], 3),
      [],
      "a learner that is planned waits for its machine",
    );
    assert.deepEqual(ids([member(1), unstarted(4)], 3), ["4"]);
    assert.deepEqual(ids([member(1), member(4)], 3), [], "a voter is never in the way");
  });

  it("keep a quorum when one stops or leaves", () => {
    assert.deepEqual([1, 2, 3, 4, 5].map(majority), [1, 2, 2, 3, 3]);
    const five = [1, 2, 3, 4, 5].map((index) => member(index));
    const dead =
      (...ids: string[]) =>
      (each: Member) =>
        !ids.includes(each.ID);
    assert.equal(quorumLacks(five, five[0], false, dead("5")), undefined, "three of five are left");
    assert.match(quorumLacks(five, five[0], false, dead("4", "5")) ?? "", /m-4, m-5.*2 of the 3/);
    assert.equal(quorumLacks(five, five[4], true, dead("4")), undefined, "three of four");
    assert.match(quorumLacks(five, five[4], true, dead("3", "4")) ?? "", /2 of the 3/);
    assert.equal(quorumLacks(five, undefined, true, dead("5")), undefined, "it left already");
  });

  it("need no more than that all others are alive, where there is no quorum without the one that goes", () => {
    const two = [member(1), member(2)];
    assert.equal(
      quorumLacks(two, two[1], true, () => true),
      undefined,
    );
    const alone = [member(1)];
    assert.equal(
      quorumLacks(alone, alone[0], false, () => false),
      undefined,
    );
    const withLearner = [member(1), unstarted(2)];
    assert.equal(
      quorumLacks(withLearner, withLearner[0], false, () => false),
      undefined,
      "learners do not count",
    );
  });
});

describe("a machine that is emptied", () => {
  const unit = (name: string, ...xFleet: string[]): FleetUnit => ({
    name,
    desiredState: "launched",
    machineID: "two",
    options: readOptions(`[Service]\nExecStart=/bin/a\n[X-Fleet]\n${xFleet.join("\n")}\n`),
  });
  const on = (name: string, machineID = "two", systemdActiveState = "active") => ({
    name,
    machineID,
    systemdActiveState,
    systemdSubState: "running",
  });
  const machines = [
    { id: "one", primaryIP: "10.0.0.1", metadata: { index: "1" } },
    { id: "two", primaryIP: "10.0.0.2", metadata: { index: "2" } },
  ];
  const units = [
    unit("free.service"),
    unit("global.service", "Global=true"),
    unit("here.service", "MachineMetadata=index=2"),
    unit("id.service", "MachineID=two"),
    unit("beside@here.service", "MachineOf=%i.service"),
    unit("beside-it.service", "MachineOf=beside@here.service"),
    unit("failed.service"),
  ];
  const before: Snapshot = {
    units,
    machines,
    states: units.map(({ name }) => on(name, "two", name === "failed.service" ? "failed" : "active")),
  };

  it("has units that may run elsewhere, and units that end with it", () => {
    const { movable, bound } = placesOn(before, "10.0.0.2");
    assert.deepEqual(movable, ["free.service"]);
    assert.deepEqual([...bound].sort(), [
      "beside-it.service",
      "beside@here.service",
      "here.service",
      "id.service",
    ]);
    assert.deepEqual(placesOn(before, "10.0.0.1"), { movable: [], bound: [] });
  });

  it("is empty when fleet has forgotten it and its units are active elsewhere, or gone", () => {
    const rest = machines.slice(0, 1);
    assert.match(notEmptied(before, "10.0.0.2", ["free.service"]) ?? "", /fleet/);
    const moving = { ...before, machines: rest, states: [] };
    assert.match(notEmptied(moving, "10.0.0.2", ["free.service"]) ?? "", /free\.service is on no machine/);
    const free = { ...unit("free.service"), machineID: "one" };
    const moved = { machines: rest, units: [free], states: [on("free.service", "one")] };
    assert.equal(notEmptied(moved, "10.0.0.2", ["free.service"]), undefined);
    assert.equal(notEmptied({ ...moved, units: [], states: [] }, "10.0.0.2", ["free.service"]), undefined);
  });
});

describe("a preview of machines that are made of something else", () => {
  const made: Makeup = {
    kind: "kvm",
    hypervisor: "east",
    image: "1",
    payload: "1",
    ignition: "1",
    memory: 1280,
    vcpus: 1,
    dataDisk: 4096,
  };
  const both = (a: Makeup, b: Makeup = a) => ({ a, b });
  const to = (change: Partial<Makeup>) => changeOfMakeup(both(made), both({ ...made, ...change })) ?? "";

  it("says nothing of machines that are as they were, that come or that go", () => {
    assert.equal(changeOfMakeup(both(made), both({ ...made })), undefined);
    assert.equal(changeOfMakeup({}, both(made)), undefined);
    assert.equal(changeOfMakeup(both(made), {}), undefined);
  });

  it("says why machines are replaced, in which order, and that their data is kept", () => {
    assert.match(
      to({ image: "2", memory: 1536, vcpus: 2 }),
      /^replaced one after another, .*: a, b \(another image, memory 1280 becomes 1536 MiB, vcpus 1 becomes 2\)\. /,
    );
    assert.match(to({ ignition: "2" }), /a, b \(another cloud-config\)/);
    assert.match(to({ payload: "2" }), /a, b \(other binaries or container images\)/);
    assert.match(to({ kind: "emulated" }), /a, b \(kind kvm becomes emulated\)/);
    assert.match(to({ image: "2" }), /others are whole.*made anew.*data volume kept.*joins.*next one goes/);
    assert.match(
      changeOfMakeup(both(made), both({ ...made, vcpus: 2 }, { ...made, vcpus: 4 })) ?? "",
      /: a \(vcpus 1 becomes 2\); b \(vcpus 1 becomes 4\)\. /,
    );
  });

  it("names machines by their numbers, in whatever order the engine has them", () => {
    const three = (each: Makeup) => ({ "m-11": each, "m-2": each, "m-1": each });
    assert.match(
      changeOfMakeup(three(made), three({ ...made, image: "2" })) ?? "",
      /: m-1, m-2, m-11 \(another image\)/,
    );
  });

  it("says that disks grow in place, of machines that are made anew once they have joined", () => {
    assert.equal(
      to({ dataDisk: 8192 }),
      "data disks grow in place, side by side, while the machines run: a, b (from 4096 to 8192 MiB)",
    );
    const [first, second] = to({ dataDisk: 8192, memory: 1536 }).split("\n");
    assert.match(first ?? "", /^replaced .*memory/);
    assert.match(second ?? "", /^data disks grow .*once it has joined.*: a, b \(from 4096/);
    assert.equal(to({ dataDisk: 2048 }), "", "that is refused");
  });

  it("warns of machines whose data does not go along, and does not say that it is kept", () => {
    for (const change of [{ hypervisor: "west" }, { kind: "container" }] as const)
      assert.match(to({ ...change, image: "2", dataDisk: 8192 }), /^warning: a, b .*does not go along$/);
  });

  it("is a change of the configuration's resource, once and unsaid for a cluster made without it", async (t) => {
    const said = t.mock.method(console, "error", () => {});
    const inputs = (makeup?: Record<string, Makeup>) => ({
      prefix: "t",
      machines: ["a", "b"],
      protectData: false,
      ...(makeup && { makeup }),
    });
    const changes = async (old: Record<string, Makeup> | undefined, news: Record<string, Makeup>) =>
      (await diff("t", inputs(old), inputs(news))).changes;
    assert.equal(await changes(both(made), both({ ...made })), false);
    assert.equal(await changes(undefined, both(made)), true);
    assert.equal(said.mock.callCount(), 0);
    assert.equal(await changes(both(made), both({ ...made, vcpus: 2 })), true);
    assert.match(String(said.mock.calls[0]?.arguments[0]), /^replaced one after another/);
  });
});

describe("a preview of a change of shape", () => {
  it("says who comes and who goes, in which order, and warns of what goes", () => {
    assert.equal(changeOfShape(["a", "b"], ["a", "b"]), undefined);
    assert.match(changeOfShape(["a"], ["a", "b", "c"]) ?? "", /b, c .*one at a time/);
    const shrinks = changeOfShape(["a", "b", "c"], ["a"]) ?? "";
    assert.match(shrinks, /^warning: 1 of 3 machines stay: b, c leave .*one at a time/);
    assert.match(shrinks, /whole.*fleet.*etcd.*deleted.*data volume/);
  });

  it("is a change of the configuration's resource, which replaces nothing", async () => {
    const inputs = (...machines: string[]) => ({ prefix: "t", machines, protectData: false });
    assert.deepEqual(await diff("t", inputs("a", "b"), inputs("a")), { changes: true, replaces: [] });
    assert.deepEqual(await diff("t", inputs("a"), inputs("a")), { changes: false, replaces: [] });
    const { failures = [] } = await check(inputs("a", "b"), inputs("c", "d"));
    assert.match(failures[0]?.reason ?? "", /^taiga:machines .*: none of a, b would stay.*keep one of them/);
    assert.deepEqual((await check(inputs("a", "b"), inputs("b"))).failures, []);
    assert.deepEqual((await check({}, inputs("b"))).failures, []);
    for (const old of [{ ...inputs("a", "b"), protectData: true }, { machines: ["a", "b"] }]) {
      const [why] = (await check(old, inputs("a"))).failures ?? [];
      assert.match(
        why?.reason ?? "",
        /^taiga:protectData: b would go.*protected.*write false, run pulumi up/,
      );
      assert.deepEqual((await check(old, inputs("a", "b"))).failures, []);
    }
    const old = { prefix: "t" } as never; // as an earlier version of this project stored it
    assert.equal((await diff("t", old, inputs("a"))).changes, true);
  });
});

describe("the machines that hold what is replicated", () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `a-${index + 1}`);
  const holders = (members: number, media: number, machines: number) => ({
    ...{ members: names(members), media: names(media), machines: names(machines) },
  });
  const change = (old: [number, number, number], news: [number, number, number]) =>
    provider.diff("", holders(...old), holders(...news));
  const refused = async (old: [number, number, number], news: [number, number, number]) =>
    (await provider.check(holders(...old), holders(...news))).failures?.map(({ reason }) => reason) ?? [];

  it("may become more", async () => {
    assert.deepEqual(await change([1, 1, 1], [3, 3, 3]), { changes: true, replaces: [] });
    assert.equal((await change([3, 3, 5], [3, 3, 3])).changes, true);
    assert.equal((await change([3, 3, 3], [3, 3, 3])).changes, false);
  });

  it("do not become fewer: says which, and what to do instead", async () => {
    const [members, media] = await refused([3, 3, 3], [1, 1, 1]);
    assert.match(
      members ?? "",
      /^a-2, a-3: members of .*Keep taiga:machines .* at 3 machines or more .*npm run restore -- --keep-machines/,
    );
    assert.match(media ?? "", /^a-2, a-3: media/);
    assert.deepEqual(await refused([1, 1, 1], [3, 3, 3]), []);
    assert.deepEqual((await provider.check({}, holders(3, 3, 3))).failures, []);
  });

  it("stay where each machine has media of its own, unless those have members now", async () => {
    const [why] = await refused([1, 5, 5], [1, 3, 3]);
    assert.match(why ?? "", /^a-4, a-5: media are there.* at 5 machines/);
    assert.deepEqual(await refused([1, 5, 5], [3, 3, 5]), []);
  });
});

describe("the names the database was made with", () => {
  const machines = { members: ["a-1"], media: ["a-1"], machines: ["a-1"] };
  const named = (name: string, user: string) => ({ ...machines, database: { name, user } });
  const refused = async (old: Parameters<typeof provider.check>[0], news: ReturnType<typeof named>) =>
    (await provider.check(old, news)).failures ?? [];

  it("are any when there is no cluster yet, and stay", async () => {
    assert.deepEqual(await refused({}, named("projects", "keeper")), []);
    assert.deepEqual(await refused(named("projects", "keeper"), named("projects", "keeper")), []);
  });

  it("are not changed: says the field, both names and the way to others", async () => {
    const [name, user, ...more] = await refused(named("projects", "keeper"), named("taiga", "other"));
    assert.deepEqual(
      [name?.property, user?.property, more],
      ["taiga:database.name", "taiga:database.user", []],
    );
    assert.match(
      name?.reason ?? "",
      /^"taiga" .* "projects".*write projects\. .*npm run backup, pulumi destroy, the new configuration, npm run restore/,
    );
    assert.match(user?.reason ?? "", /^"other" .* "keeper".*write keeper/);
    const [alone, ...others] = await refused(named("a", "b"), named("a", "c"));
    assert.deepEqual([alone?.property, others], ["taiga:database.user", []]);
  });

  it("are taiga and taiga where the state says none, which is no change", async () => {
    assert.deepEqual(await refused(machines, named("taiga", "taiga")), []);
    assert.equal((await provider.diff("", machines, named("taiga", "taiga"))).changes, false);
    const [name, user] = await refused(machines, named("projects", "keeper"));
    assert.match(name?.reason ?? "", /^"projects" is another than "taiga"/);
    assert.match(user?.reason ?? "", /^"keeper" is another than "taiga"/);
  });
});

describe("a data disk", () => {
  const was = {
    ...{ name: "a-1", address: "10.0.0.1", libvirt: "qemu:///system", pool: "p", volume: "a-1-data" },
    size: 4096,
  };
  it("grows in place", async () => {
    assert.deepEqual(await disk.diff("", was, { ...was, size: 8192 }), { changes: true, replaces: [] });
    assert.equal((await disk.diff("", was, was)).changes, false);
  });

  const refused = async (news: Partial<typeof was>) =>
    (await disk.check(was, { ...was, ...news })).failures?.map(({ reason }) => reason) ?? [];

  it("does not shrink: says what it has, and what to write", async () => {
    const [why] = await refused({ size: 2048 });
    assert.match(
      why ?? "",
      /^taiga:machines\.dataDisk .*: 2048 MiB is less than the 4096 MiB .* a-1's .* write 4096 or more/,
    );
    assert.deepEqual(await refused({ size: 8192 }), []);
    assert.deepEqual((await disk.check({}, was)).failures, []);
  });

  it("may be another, smaller one, when its volume is another", async () => {
    assert.deepEqual(await refused({ volume: "other", size: 2048 }), []);
  });
});
