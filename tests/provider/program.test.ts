import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { FleetClient } from "../../provider/clients/fleet";
import { formatUnitFile } from "../../provider/fleet/unit-file";
import { activeStates } from "../support/active-states";
import { TestCluster } from "../support/cluster";

/** What a user's program sees of the dynamic resources, through the engine, on the etcd and fleet of three machines. */
describe("a program", { timeout: 20 * 60_000 }, () => {
  let cluster: TestCluster;
  let fleet: FleetClient;

  before(async () => {
    cluster = await TestCluster.start({
      name: "e2eu",
      network: "10.111.0.0/24",
      containers: "10.211.0.0/16",
    });
    fleet = new FleetClient(cluster.connection.machines, cluster.connection.ssh);
  });
  after(() => cluster?.stop());

  const declare = (statements: string) =>
    cluster.declare(`import * as pulumi from "@pulumi/pulumi";
import { Service } from "./components/service";
import { etcd, fleet } from "./provider";
const within = { dependsOn: cluster.ready, deletedWith: cluster };
export const used = [pulumi.Config, Service, etcd, fleet, within].length;
${statements}`);
  const up = () => cluster.stack.pulumi("up", "--yes", "--skip-preview");
  const unchanged = () => cluster.stack.pulumi("preview", "--expect-no-changes");
  const get = (key: string) => cluster.connection.etcd.run((etcd) => etcd.get(key).string());
  const put = (key: string, value: string) =>
    cluster.connection.etcd.run((etcd) => etcd.put(key).value(value).exec());

  /** The steps a preview shows, as `create w@3.service`. */
  const steps = async (): Promise<string[]> => {
    const text = await cluster.stack.pulumi("preview", "--json");
    const { steps: all } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as {
      steps: { op: string; urn: string }[];
    };
    return all
      .filter(({ op }) => op !== "same")
      .map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`)
      .sort();
  };
  const contents = async (...names: string[]) =>
    Promise.all(names.map(async (name) => formatUnitFile((await fleet.unit(name))?.options ?? [])));

  const template = "[Service]\nExecStart=/bin/sleep infinity\n";
  const writeTemplate = (text: string) => cluster.stack.write("t/w@.service", text);
  const service = (instances: number) =>
    declare(
      `new Service("w", { folder: "t", units: ["w@", "w-side@"], instances: ${instances}, timeoutSeconds: 120 }, within);`,
    );

  it("scales a service: exactly the added and removed instances, their sidekicks and the gate", async () => {
    writeTemplate(template);
    cluster.stack.write("t/w-side@.service", `${template}[X-Fleet]\nMachineOf=w@%i.service\n`);
    service(1);
    await up();
    service(2);
    assert.deepEqual(await steps(), ["create w-side@2.service", "create w@2.service", "update w"]);
    await up();
    const active = await activeStates(fleet, 4);
    for (const instance of [1, 2]) {
      const on = active.filter(({ name }) => name.endsWith(`@${instance}.service`));
      assert.equal(new Set(on.map(({ machineID }) => machineID)).size, 1, "a sidekick is where its unit is");
    }
    await unchanged();
    service(1);
    assert.deepEqual(await steps(), ["delete w-side@2.service", "delete w@2.service", "update w"]);
    const output = await up();
    assert.match(output, /w-side@2\.service deleted[\s\S]*w@2\.service deleted/, "the sidekick first");
    assert.deepEqual((await fleet.units()).map(({ name }) => name).sort(), [
      "w-side@1.service",
      "w@1.service",
    ]);
  });

  it("stops a roll at the first instance that fails, and takes the edit back when it is told to", async () => {
    service(2);
    await up();
    const broken = "[Service]\nExecStart=/bin/sh -c 'echo said before it ended; exit 3'\n";
    writeTemplate(broken);
    assert.deepEqual(await steps(), ["update w", "update w@1.service", "update w@2.service"]);
    await assert.rejects(up(), (error: Error) => {
      assert.match(
        error.message,
        /w@\d\.service on \S+ is failed\/failed, and systemd does not start it again/,
      );
      assert.match(error.message, /its last log lines:[\s\S]*said before it ended/);
      assert.match(error.message, /w@\d\.service: it was left as it is, since w@\d\.service failed/);
      return true;
    });
    const half = await contents("w@1.service", "w@2.service");
    assert.deepEqual([...half].sort(), [broken, template].sort());
    writeTemplate(template);
    await up();
    assert.deepEqual(await contents("w@1.service", "w@2.service"), [template, template]);
    await unchanged();
  });

  it("previews the keys of a prefix that are added, changed and removed; secrets are not shown, nor stored", async () => {
    const prefix = (values: string) =>
      declare(`new etcd.Prefix("config", { prefix: "/t/config", values: ${values} }, within);`);
    prefix(`{ same: "kept", other: "before", gone: "old", password: pulumi.secret("hunter2") }`);
    await up();
    assert.equal(await get("/t/config/password"), "hunter2");
    prefix(`{ same: "kept", other: "after", fresh: "new", password: pulumi.secret("hunter3") }`);
    const preview = await cluster.stack.pulumi("preview", "--diff");
    assert.match(preview, /~ other\s*: "before" => "after"/);
    assert.match(preview, /\+ fresh\s*: "new"/);
    assert.match(preview, /- gone\s*: "old"/);
    assert.match(preview, /password: \[secret\]/);
    assert.doesNotMatch(preview, /hunter|[~+-] same/);
    assert.doesNotMatch(await up(), /hunter/);
    assert.equal(await get("/t/config/gone"), null);

    const state = join(
      cluster.stack.directory,
      `.state/pulumi/.pulumi/stacks/taiga/${cluster.stack.name}.json`,
    );
    assert.match(readFileSync(state, "utf8"), /kept/);
    assert.doesNotMatch(readFileSync(state, "utf8"), /hunter/);

    await put("/t/config/other", "drifted");
    await put("/t/config/password", "stolen");
    const refresh = await cluster.stack.pulumi("refresh", "--yes", "--diff");
    assert.match(refresh, /other\s*: "after" => "drifted"/);
    assert.doesNotMatch(refresh, /stolen/);
    assert.doesNotMatch(readFileSync(state, "utf8"), /stolen/);
    await up();
    assert.deepEqual([await get("/t/config/other"), await get("/t/config/password")], ["after", "hunter3"]);
    await unchanged();
  });

  it("goes on with a prefix of which only some is written, after a refresh too", async () => {
    const prefix = (value: string) =>
      declare(`const values = Object.fromEntries(Array.from({ length: 300 }, (_, index) => ["k" + index, "${value}"]));
new etcd.Prefix("half", { prefix: "/t/half", values }, within);`);
    prefix("1");
    await put("/t/half/k290", "theirs");
    await assert.rejects(up(), /k290 exists already/);
    assert.equal(await get("/t/half/k0"), "1");
    await cluster.connection.etcd.run((etcd) => etcd.delete().key("/t/half/k290"));
    await up();
    assert.equal(await get("/t/half/k290"), "1");
    await unchanged();
    prefix("2");
    await put("/t/half/k290", "theirs");
    await assert.rejects(up(), /k290 was changed by somebody else/);
    await cluster.stack.pulumi("refresh", "--yes");
    await up();
    assert.deepEqual([await get("/t/half/k0"), await get("/t/half/k290")], ["2", "2"]);
    await unchanged();
  });

  it("has resources that take Pulumi's options as any other does", async () => {
    const keys = (value: string, renamed = "") =>
      declare(`const key = (name: string, options: pulumi.CustomResourceOptions) =>
  new etcd.Key(name, { key: "/t/" + name, value: ${JSON.stringify(value)} }, { ...within, ...options });
key("ignored", { ignoreChanges: ["value"] });
key("replaced", {});
key("remade", { replaceOnChanges: ["value"] });
new etcd.Prefix("folder", { prefix: "/t/folder", values: { a: ${JSON.stringify(value)}, b: "1" } }, { ...within, replaceOnChanges: ["values.a"] });
new fleet.Unit("remade.service", { name: "remade.service", content: "[Service]\\nExecStart=/bin/sleep ${value}000000\\n" },
  { ...within, replaceOnChanges: ["content"] });
${
  renamed ||
  `key("protected", { protect: true });
key("retained", { retainOnDelete: true });
new etcd.Key("before", { key: "/t/aliased", value: "1" }, within);`
}`);
    const aliased = `new etcd.Key("after", { key: "/t/aliased", value: "1" }, { ...within, aliases: [{ name: "before" }] });
key("protected", { protect: false });`;
    keys("1");
    await up();
    keys("2");
    assert.deepEqual(await steps(), [
      ...["replace folder", "replace remade", "replace remade.service"],
      ...["update protected", "update replaced", "update retained"],
    ]);
    const preview = await cluster.stack.pulumi("preview", "--diff");
    assert.match(preview, /~ value\s*: "1" => "2"/);
    assert.match(preview, /~ a\s*: "1" => "2"/);
    // Made before the old one is deleted, it would find the key taken.
    await cluster.stack.pulumi("up", "--yes", "--skip-preview", "--target-replace", "**etcd:Key::replaced");
    assert.deepEqual([await get("/t/replaced"), await get("/t/protected")], ["2", "1"], "the target alone");
    await cluster.stack.pulumi("up", "--yes", "--skip-preview", "--target-replace", "**etcd:Key::replaced");
    assert.equal(await get("/t/replaced"), "2", "an unchanged one is there after it, too");
    await up();
    assert.deepEqual([await get("/t/ignored"), await get("/t/protected")], ["1", "2"]);
    assert.deepEqual([await get("/t/remade"), await get("/t/folder/a")], ["2", "2"]);
    assert.match((await contents("remade.service"))[0] ?? "", /sleep 2000000/);
    await unchanged();
    await assert.rejects(
      cluster.stack.pulumi("destroy", "--yes", "--skip-preview", "--target", "**etcd:Key::protected"),
      /protected/,
    );
    keys("2", aliased);
    assert.deepEqual(
      (await steps()).filter((step) => !/protected/.test(step)),
      ["delete retained"],
    );
    await up();
    assert.deepEqual([await get("/t/retained"), await get("/t/aliased")], ["2", "1"]);
  });
});
