import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { FleetClient } from "../../provider/clients/fleet";
import { snapshot } from "../../provider/fleet/gate/readings";
import { TestCluster } from "../support/cluster";

/** `npm run onboard` on the etcd and fleet of three machines, where others have put units and keys by their own tools. */
describe("npm run onboard", { timeout: 20 * 60_000 }, () => {
  let cluster: TestCluster;
  let fleet: FleetClient;

  before(async () => {
    cluster = await TestCluster.start({
      name: "e2ei",
      network: "10.112.0.0/24",
      containers: "10.212.0.0/16",
    });
    fleet = new FleetClient(cluster.connection.machines, cluster.connection.ssh);
  });
  after(() => cluster?.stop());

  const onMachine = (command: string) =>
    cluster.connection.ssh.succeed(cluster.connection.machines[0] as never, command);
  const onboard = (...args: string[]) =>
    cluster.stack.run("npm", ["run", "--silent", "onboard", "--", ...args], {
      PULUMI_STACK: cluster.stack.name,
    });
  const file = (path: string) => readFileSync(join(cluster.stack.directory, path), "utf8");
  /** Each process of a unit, by which one that was started anew shows. */
  const processes = async () => {
    const { states, machines } = await snapshot(fleet);
    const on = (id: string) => machines.find((machine) => machine.id === id)?.primaryIP;
    const all = states.map(async ({ name, machineID, systemdActiveState }) => {
      const machine = cluster.connection.machines.find(({ address }) => address === on(machineID));
      if (!machine || systemdActiveState !== "active") return `${name} ${systemdActiveState}`;
      return `${name} ${machine.name} ${await cluster.connection.ssh.succeed(machine, `systemctl show -p MainPID ${name}`)}`;
    });
    return (await Promise.all(all)).sort();
  };

  it("writes nothing where nothing is", async () => {
    assert.match(await onboard(), /nothing to onboard/);
  });

  it("writes the program for what runs, which adopts all of it as it is and then previews no change", async () => {
    await onMachine(`mkdir -p t && cd t && {
printf '[Unit]\\nDescription=w %%i\\n\\n[Service]\\nEnvironment=DB_PASSWORD=in-the-open\\nExecStart=/bin/sleep infinity\\nRestart=always\\n' > w@.service
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[X-Fleet]\\nMachineOf=w@%%i.service\\n' > w-side@.service
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[X-Fleet]\\nGlobal=true\\n' > everywhere.service
printf '# a comment\\n[Service]\\nExecStart=/bin/sh -c "sleep 10; \\\\\\n  sleep infinity"\\n' > idle.service
fleetctl start w@1.service w@2.service w-side@1.service w-side@2.service everywhere.service
fleetctl submit idle.service
} && sudo etcdctl put /other/config/host db.example.org && sudo etcdctl put /other/config/password 'hunter2' &&
printf 'two lines\\nof hunter3\\n' | sudo etcdctl put /other/told && sudo etcdctl put /other/empty '' &&
sudo etcdctl put --lease=$(sudo etcdctl lease grant 600 | cut -d' ' -f2) /other/leased soon`);
    const names = ["w@1", "w@2", "w-side@1", "w-side@2"].map((name) => `${name}.service`);
    for (;;) {
      const { states } = await snapshot(fleet);
      const active = states.filter(({ systemdActiveState }) => systemdActiveState === "active");
      if (active.length === names.length + 3) break; // the global one on each machine
    }
    const before = await processes();

    const said = await onboard("--secret", "/other/told");
    assert.match(said, /left out: \/other\/leased: hangs on a lease/);
    assert.match(said, /left out: \/coreos\.com\/network\/config: is the cluster's own/);
    assert.match(said, /\/other\/config\/password is secret: onboarded:other-config-password/);
    assert.match(said, /units\/w@\.service: Environment=DB_PASSWORD looks like a secret/);
    const program = file("onboarded/index.ts");
    assert.match(program, /new Service\(\s*"w",[^)]*units: \["w@", "w-side@"\],\s*instances: 2/);
    assert.match(program, /new fleet\.Unit\(\s*"idle\.service",[^;]*desiredState: "inactive"/);
    assert.match(program, /new etcd\.Prefix\(\s*"\/other\/config"/);
    const all = readdirSync(join(cluster.stack.directory, "onboarded"), {
      recursive: true,
      withFileTypes: true,
    })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), "utf8"));
    for (const text of [said, file(`Pulumi.${cluster.stack.name}.yaml`), ...all])
      assert.doesNotMatch(text, /hunter/);
    await assert.rejects(onboard(), /onboarded is there already/);

    cluster.declare(`import { onboarded } from "./onboarded";
onboarded({ dependsOn: cluster.ready, deletedWith: cluster });`);
    await cluster.stack.run("npx", ["--no-install", "tsc", "--noEmit", "-p", "."]);
    await cluster.stack.run("npx", ["--no-install", "biome", "check", "--error-on-warnings", "onboarded"]);
    assert.doesNotMatch(await cluster.stack.pulumi("up", "--yes", "--skip-preview"), /hunter/);
    assert.deepEqual(await processes(), before, "no unit was started anew");
    assert.equal(
      (await onMachine("sudo etcdctl get /other/told --print-value-only")).trimEnd(),
      "two lines\nof hunter3",
    );
    await cluster.stack.pulumi("preview", "--expect-no-changes");
    await cluster.stack.pulumi("refresh", "--yes", "--expect-no-changes");
    await cluster.stack.pulumi("preview", "--expect-no-changes");
  });

  it("finds the rest when it is run again", async () => {
    assert.match(await onboard("--into", "more"), /nothing to onboard/);
    await onMachine("sudo etcdctl put /later/key new && sudo etcdctl put /later/other new");
    await onboard("--into", "more", "--keys", "/later/key");
    assert.match(file("more/index.ts"), /"\/later\/key"/);
    assert.doesNotMatch(file("more/index.ts"), /later\/other|\/other\/config/);
  });

  it("has what it adopted changed like anything else", async () => {
    const path = "onboarded/units/w@.service";
    cluster.stack.write(path, file(path).replace("Description=w %i", "Description=edited"));
    const preview = await cluster.stack.pulumi("preview", "--diff");
    assert.match(preview, /edited/);
    // The gate, which is known by its first unit, lists the sidekicks and does not change them.
    const changed = [...preview.matchAll(/\[id=([^\]]+)\]/g)].map(([, id]) => id);
    assert.deepEqual(new Set(changed), new Set(["w@1.service", "w@2.service"]));
  });
});
