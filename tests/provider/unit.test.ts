import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FleetClient, type FleetMachine, type FleetUnit, type UnitState } from "../../provider/clients/fleet";
import { type Machine, SshPool } from "../../provider/clients/ssh";
import { untilUnitsAreBack } from "../../provider/cluster/units-back";
import { Connection } from "../../provider/connection";
import { lacksOf, placementsOf } from "../../provider/fleet/gate/lacks";
import { snapshot } from "../../provider/fleet/gate/readings";
import { unsettled } from "../../provider/fleet/gate/settled";
import { staysOf } from "../../provider/fleet/gate/stays";
import * as rollout from "../../provider/fleet/rollout-provider";
import { formatUnitFile } from "../../provider/fleet/unit-file";
import * as unit from "../../provider/fleet/unit-provider";
import { activeStates } from "../support/active-states";
import { TestCluster } from "../support/cluster";
import { askRegistry } from "../support/fleet-registry";

const service = (start: string, ...xFleet: string[]): string =>
  `[Unit]\nDescription=t\n\n[Service]\nExecStart=${start}\n${xFleet.length ? `\n[X-Fleet]\n${xFleet.join("\n")}\n` : ""}`;
const steady = service("/bin/sleep infinity");
const other = service("/bin/sleep 1000000");
const failing = service("/bin/sh -c 'echo said before it ended; exit 3'");
const inputs = (
  name: string,
  content = steady,
  desiredState: unit.UnitInputs["desiredState"] = "launched",
): unit.UnitInputs => ({ name, content, desiredState });
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** What the engine does of `fleet.Unit` and `fleet.Rollout`, over ssh against the fleet of three machines. */
describe("fleet.Unit", { timeout: 20 * 60_000 }, () => {
  let cluster: TestCluster;
  let fleet: FleetClient;

  before(async () => {
    cluster = await TestCluster.start();
    await unit.configure({ config: cluster.config });
    await rollout.configure({ config: cluster.config });
    fleet = new FleetClient(cluster.connection.machines, cluster.connection.ssh);
  });
  afterEach(async () => {
    const names = (await fleet.units()).map(({ name }) => name);
    for (const name of names) await fleet.remove(name);
    while ((await fleet.states()).length > 0) await sleep(500);
  });
  after(() => cluster?.stop());

  const there = async (name: string) => {
    const found = await fleet.unit(name);
    return found && { content: formatUnitFile(found.options), desiredState: found.desiredState };
  };
  const gate = (units: string[], timeoutSeconds = 60) =>
    rollout.create({ units, revision: "1", timeoutSeconds });

  it("is created, and found equal by a create that is done again after an interrupt", async () => {
    await unit.create(inputs("a.service"));
    assert.deepEqual(await there("a.service"), { content: steady, desiredState: "launched" });
    await unit.create(inputs("a.service", `# said anew\n${steady}`));
    await gate(["a.service"]);
  });

  it("is refused where another unit has the name, unless it is to adopt that one", async () => {
    await unit.create(inputs("b.service"));
    await gate(["b.service"]);
    const wanted = { ...inputs("b.service", other), file: "units/b.service" };
    await assert.rejects(
      unit.create(wanted),
      /b\.service is in fleet already, with other options than units\/b\.service has.*adopt: true/s,
    );
    assert.equal((await there("b.service"))?.content, steady);
    await unit.create({ ...wanted, adopt: true });
    assert.equal((await there("b.service"))?.content, other);
    await gate(["b.service"]);
  });

  it("differs by its options, its state and its name; not by a comment", async () => {
    const old = inputs("c.service");
    const changes = async (news: unit.UnitInputs) => (await unit.diff("c.service", old, news)).changes;
    assert.equal(await changes({ ...old, content: `# why\n\n${old.content}` }), false);
    assert.equal(await changes({ ...old, adopt: true, file: "elsewhere" }), false);
    assert.equal(await changes({ ...old, content: other }), undefined);
    assert.equal(await changes({ ...old, content: unknown }), undefined);
    assert.equal(await changes({ ...old, desiredState: "inactive" }), undefined);
    assert.deepEqual((await unit.diff("c.service", old, inputs("b.service"))).replaces, ["name"]);
  });

  it("is checked without contacting anything, and takes what is not known yet", async () => {
    const { failures } = await unit.check({} as never, {
      name: "a@.service",
      content: "[Service]\nExecStart=/bin/a\n[X-Fleet]\nGlobal=true\nMachineOff=x\n",
      desiredState: "lunched" as never,
      file: "units/a@.service",
    });
    assert.deepEqual(
      failures?.map(({ property }) => property),
      ["name", "content", "desiredState"],
    );
    assert.match(failures?.[1]?.reason ?? "", /units\/a@\.service:5: MachineOff.*did you mean MachineOf/);
    assert.match(failures?.[2]?.reason ?? "", /"lunched".*inactive, loaded, launched/);
    const later = await unit.check({} as never, inputs(unknown, unknown));
    assert.deepEqual(later.failures, []);
  });

  it("is equal to itself with an assignment that resets a list, which fleet sends back without a value", async () => {
    const reset = "[Service]\nExecStart=/bin/false\nExecStart=\nExecStart=/bin/sleep infinity\n";
    await unit.create(inputs("j.service", reset, "inactive"));
    await unit.create(inputs("j.service", reset, "inactive"));
    assert.equal((await unit.read("j.service")).props?.content, reset);
  });

  it("is read back as it is: equal with our comments, changed behind our back, gone", async () => {
    const written = `# ours\n${steady}`;
    await unit.create(inputs("d.service", written));
    assert.equal((await unit.read("d.service", inputs("d.service", written))).props?.content, written);
    await unit.delete("d.service", inputs("d.service", written));
    await fleet.put("d.service", "loaded", [{ section: "Service", name: "ExecStart", value: "/bin/true" }]);
    const drifted = await unit.read("d.service", inputs("d.service", written));
    assert.equal(drifted.props?.content, "[Service]\nExecStart=/bin/true\n");
    assert.equal(drifted.inputs?.desiredState, "loaded");
    await unit.delete("d.service", drifted.props as unit.UnitInputs);
    assert.deepEqual(await unit.read("d.service", inputs("d.service", written)), {});
    await unit.delete("d.service", drifted.props as unit.UnitInputs); // once more, as after an interrupt
  });

  it("leaves alone what somebody else has put in its place", async () => {
    const theirs = [{ section: "Service", name: "ExecStart", value: "/bin/theirs" }];
    await fleet.put("e.service", "inactive", theirs);
    const conflict = /e\.service was changed by somebody else.*fleetctl cat e\.service.*pulumi refresh/s;
    await assert.rejects(unit.update("e.service", inputs("e.service"), inputs("e.service", other)), conflict);
    await assert.rejects(unit.delete("e.service", inputs("e.service")), conflict);
    assert.equal((await there("e.service"))?.content, "[Service]\nExecStart=/bin/theirs\n");
  });

  /** How many are active on any machine, as systemd says: what fleet says may be older than a whole step of a roll. */
  const running = async (pattern: string): Promise<number> => {
    const { machines, ssh } = cluster.connection;
    const list = `systemctl list-units --state=active --plain --no-legend '${pattern}'`;
    const all = await Promise.all(machines.map((machine) => ssh.succeed(machine, list)));
    return all.join("\n").match(/\S+\.service/g)?.length ?? 0;
  };

  it("is made anew when its options change, and active again when the update ends", async () => {
    await unit.create(inputs("f.service"));
    await gate(["f.service"]);
    await unit.update("f.service", inputs("f.service"), inputs("f.service", other));
    assert.equal(await running("f.service"), 1);
    assert.equal((await there("f.service"))?.content, other);
  });

  it("changes its desired state without being made anew, and is put back where it was taken away", async () => {
    await unit.create(inputs("g.service"));
    await unit.update("g.service", inputs("g.service"), inputs("g.service", steady, "inactive"));
    assert.deepEqual(await there("g.service"), { content: steady, desiredState: "inactive" });
    await fleet.remove("g.service");
    await unit.update("g.service", inputs("g.service"), inputs("g.service", other));
    assert.deepEqual(await there("g.service"), { content: other, desiredState: "launched" });
  });

  const instances = ["r@1.service", "r@2.service", "r@3.service"];

  it("rolls a template one instance at a time", async () => {
    for (const name of instances) await unit.create(inputs(name));
    await gate(instances);
    let most = 0;
    let rolling = true;
    const watcher = (async () => {
      while (rolling) {
        most = Math.max(most, instances.length - (await running("r@*")));
        await sleep(100);
      }
    })();
    await Promise.all(instances.map((name) => unit.update(name, inputs(name), inputs(name, other))));
    rolling = false;
    await watcher;
    for (const name of instances) assert.equal((await there(name))?.content, other);
    assert.equal(most, 1, "instances that were not active at one moment");
  });

  it("ends by its own ExecStop, after its sidekick's, and is back with its sidekick when the update ends", async () => {
    const log = "/tmp/orderly.log";
    const lines = (name: string, after = "") =>
      `[Unit]\nDescription=1\n${after}\n[Service]\nExecStart=/bin/sleep infinity\n` +
      `ExecStop=/bin/sh -c 'sleep 2; echo ${name} >>${log}'\n`;
    const main = lines("main");
    const beside = `${lines("sidekick", "BindsTo=main.service\nAfter=main.service\n")}\n[X-Fleet]\nMachineOf=main.service\n`;
    await unit.create(inputs("main.service", main));
    await unit.create(inputs("beside.service", beside));
    await gate(["main.service", "beside.service"]);
    const ended = async (): Promise<string> => {
      const { machines, ssh } = cluster.connection;
      const all = await Promise.all(machines.map((each) => ssh.exec(each, `cat ${log}; sudo rm -f ${log}`)));
      return all.map(({ stdout }) => stdout).join("");
    };

    const news = inputs("main.service", main.replace("Description=1", "Description=2"));
    await unit.update("main.service", inputs("main.service", main), news);
    assert.equal(await ended(), "sidekick\nmain\n");
    assert.deepEqual(lacksOf(await snapshot(fleet), ["main.service", "beside.service"]), []);

    await unit.delete("beside.service", inputs("beside.service", beside));
    await unit.delete("main.service", news);
    assert.equal(await ended(), "sidekick\nmain\n");
  });

  it("stops at the first instance that does not become active, says its last words, and remembers it", async () => {
    for (const name of instances) await unit.create(inputs(name));
    await gate(instances);
    const results = await Promise.allSettled(
      instances.map((name) =>
        unit.update(name, inputs(name), { ...inputs(name, failing), __provider: "p" } as never),
      ),
    );
    const errors = results.map((result) => (result.status === "rejected" ? result.reason : undefined));
    const at = errors.findIndex((error) => error?.id !== undefined);
    assert.match(errors[at].message, /is failed\/failed, and systemd does not start it again/);
    assert.match(errors[at].message, /r@\d\.service on \S+-\d, its last log lines:\n.*said before it ended/s);
    assert.equal(errors[at].properties.content, failing, "a taken back edit must be a change");
    assert.equal(errors[at].properties.__provider, "p");
    for (const [index, name] of instances.entries()) {
      if (index === at) continue;
      assert.match(errors[index].message, /r@\d\.service: it was left as it is, since r@\d\.service failed/);
      assert.equal((await there(name))?.content, steady);
    }
    await activeStates(fleet, 2);
  });

  it("passes a rollout gate when each is active, a global one on every machine with its metadata", async () => {
    await unit.create(inputs("i.service"));
    await unit.create(inputs("g.service", service("/bin/sleep infinity", "Global=true")));
    await unit.create(
      inputs("h.service", service("/bin/sleep infinity", "Global=true", "MachineMetadata=index=2")),
    );
    await gate(["i.service", "g.service", "h.service"]);
    const up = (await activeStates(fleet, 5)).map(({ name }) => name);
    assert.deepEqual(up.sort(), [...Array(3).fill("g.service"), "h.service", "i.service"]);
    const old = { units: ["i.service"], revision: "1", timeoutSeconds: 60 };
    assert.equal((await rollout.diff("a", old, old)).changes, false);
    assert.equal((await rollout.diff("a", old, { ...old, revision: "2" })).changes, true);
  });

  it("has been active on each machine for a time of its own", async () => {
    const { connection } = cluster;
    await unit.create(inputs("n.service", service("/bin/sleep infinity", "Global=true")));
    await gate(["n.service"]);
    const placements = placementsOf(await snapshot(fleet), ["n.service"]);
    const times = async () => {
      const stays = await staysOf(connection, placements);
      return connection.machines.map(
        ({ address }) => stays.find(({ machine }) => machine?.primaryIP === address)?.time ?? -1,
      );
    };
    const settled = await times();
    assert.equal(settled.length, 3);
    assert.ok(Math.min(...settled) >= 1000, `the gate was passed after ${settled} ms`);
    await connection.ssh.succeed(connection.machines[1] as Machine, "sudo systemctl restart n.service");
    const [first, second, third] = (await times()) as [number, number, number];
    assert.ok(second < Math.min(...settled), `restarted, it has been active for ${second} ms`);
    const [firstBefore = 0, , thirdBefore = 0] = settled;
    assert.ok(first > firstBefore && third > thirdBefore, `${first} and ${third} ms where it was left alone`);
  });

  it("is not settled where its machine's systemd gives no answer, and is where its machine is no longer the stack's", async () => {
    const { connection } = cluster;
    await unit.create(inputs("s.service", service("/bin/sleep infinity", "Global=true")));
    await gate(["s.service"]);
    const placements = placementsOf(await snapshot(fleet), ["s.service"]);
    const [first, second, third] = connection.machines as [Machine, Machine, Machine];
    const begun = Date.now() - 5_000;
    const lacksAmong = async (...machines: Machine[]) => {
      const other = new Connection(machines, connection.credentials);
      try {
        return (await unsettled(other, placements, 1_000, begun)).map(({ says }) => says);
      } finally {
        await other.close();
      }
    };
    assert.deepEqual(await lacksAmong(first, second), []);
    assert.deepEqual(await lacksAmong(first, second, { ...third, sshPort: 1 }), [
      `s.service on ${third.address} has not been active for 1 s`,
    ]);
  });

  it("does not pass a gate when it falls over before it has been active for a second", async () => {
    const flapping = service("/bin/sleep 0.7\nRestart=always\nRestartSec=4");
    const names = ["o", "p", "q", "r"].map((letter) => `${letter}.service`);
    for (const name of names) await unit.create(inputs(name, flapping));
    const passed = await Promise.allSettled(names.map((name) => gate([name], 15)));
    assert.deepEqual(
      passed.map(({ status }) => status),
      names.map(() => "rejected"),
    );
  });

  it("has many gates wait for it, and asks each machine's systemd once for all of them", async (test) => {
    await unit.create(inputs("l.service", service("/bin/sleep infinity\nExecStartPre=/bin/sleep 7")));
    const after =
      "[Unit]\nAfter=l.service\n\n[Service]\nExecStart=/bin/sleep infinity\n\n[X-Fleet]\nMachineOf=l.service\n";
    await unit.create(inputs("m.service", after));
    const asked = test.mock.method(SshPool.prototype, "exec");
    await Promise.all(Array.from({ length: 8 }, () => gate(["m.service"])));
    const questions = asked.mock.calls.filter(({ arguments: [, command] }) => /list-units/.test(command));
    // Of three machines once a second, until it is known which it is to be on; each gate for itself would ask eight times as often.
    assert.ok(questions.length > 0 && questions.length <= 24, `${questions.length} questions`);
    const times = asked.mock.calls.filter(({ arguments: [, command] }) => /systemctl show/.test(command));
    // Of one machine, before and after the second for which a unit must stay.
    assert.ok(times.length > 0 && times.length <= 4, `${times.length} questions for how long`);
  });

  describe("that systemd has active, though what fleet published is older", () => {
    const published = async () =>
      (await fleet.states()).find(({ name }) => name === "k.service")?.systemdActiveState;
    const makeOlder = async () => {
      const { ssh } = cluster.connection;
      const machine = cluster.connection.machines[0] as Machine;
      const { machineID } = (await fleet.states()).find(({ name }) => name === "k.service") as UnitState;
      const state = `states/k.service/${machineID}`;
      const { node } = await askRegistry<{ node: { value: string } }>(ssh, machine, state);
      const older = node.value.replace('"activeState":"active"', '"activeState":"inactive"');
      await askRegistry(ssh, machine, state, "-XPUT -d ttl=60 --data-urlencode value@-", older);
      assert.equal(await published(), "inactive");
    };

    const begin = async () => {
      await unit.create(inputs("k.service"));
      await gate(["k.service"]);
      await makeOlder();
      while ((await published()) !== "active") await sleep(250); // fleet publishes all anew, not again for a quarter of a minute
      await makeOlder();
    };

    it("passes a gate", async () => {
      await begin();
      await gate(["k.service"]);
      assert.equal(await published(), "inactive");
    });

    it("is back on a machine that was replaced", async () => {
      await begin();
      const { units, machines } = await snapshot(fleet);
      const { machineID } = units.find(({ name }) => name === "k.service") as FleetUnit;
      const { primaryIP } = machines.find(({ id }) => id === machineID) as FleetMachine;
      const { connection } = cluster;
      const host = connection.machines.find(({ address }) => address === primaryIP) as Machine;
      await untilUnitsAreBack(connection, host);
      assert.equal(await published(), "inactive");
    });
  });

  it("does not pass a gate in time: the error says which, where, and its last words", async () => {
    const slow =
      "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo still at it; sleep 1000'\n[X-Fleet]\nGlobal=true\n";
    await unit.create(inputs("s.service", slow));
    for (const end = Date.now() + 60_000; Date.now() < end; await sleep(500)) {
      const states = (await fleet.states()).filter(({ name }) => name === "s.service");
      if (states.filter(({ systemdActiveState }) => systemdActiveState === "activating").length === 3) break;
    }
    await assert.rejects(gate(["s.service", "missing.service"], 8), (error: Error) => {
      for (const { address } of cluster.connection.machines)
        assert.match(error.message, new RegExp(`s\\.service on ${address} is activating/start`));
      assert.match(error.message, /missing\.service is not in fleet/);
      assert.match(error.message, /s\.service on \S+-1, its last log lines:\n.*still at it/s);
      return true;
    });
  });

  it("lists more units than fleet gives on one page", async () => {
    const names = Array.from({ length: 130 }, (_, index) => `p${index}.service`);
    await Promise.all(names.map((name) => unit.create(inputs(name, steady, "inactive"))));
    const listed = (await fleet.units()).map(({ name }) => name);
    assert.deepEqual(listed.sort(), names.sort());
  });

  it("is created though every ssh connection dies in the middle of it", async () => {
    const { machines, ssh } = cluster.connection;
    const names = Array.from({ length: 40 }, (_, index) => `c${index}.service`);
    let cutting = true;
    let cuts = 0;
    const cut = async (machine: (typeof machines)[number]) => {
      // It ends the connection it comes by, too.
      await ssh.exec(machine, "sudo pkill -KILL -u core sshd").catch(() => {
        cuts += 1;
      });
    };
    const cutter = (async () => {
      while (cutting) {
        await Promise.all(machines.map(cut));
        await sleep(700);
      }
    })();
    await Promise.all(names.map((name) => unit.create(inputs(name, steady, "inactive"))));
    cutting = false;
    await cutter;
    assert.ok(cuts >= machines.length, `${cuts} connections ended`);
    assert.deepEqual((await fleet.units()).map(({ name }) => name).sort(), names.sort());
  });
});
