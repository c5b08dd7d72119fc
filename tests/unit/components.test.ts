import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { servicesOn } from "../../components/application-settings";
import { readSettings } from "../../components/settings";
import { createCredentials } from "../../provider/credentials";

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}
const made: Made[] = [];
/** Marks a secret among the inputs (pulumi's sdk/nodejs/runtime/rpc.ts). */
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

pulumi.runtime.setMocks(
  {
    newResource: ({ type, name, inputs, id }) => {
      made.push({ type, name, inputs });
      return { id: id || `${name}-id`, state: inputs };
    },
    call: () => ({}),
  },
  "taiga",
  "test",
  false,
);

/** A user's own private key and certificate, as the settings hand them on. */
const ownBundle = "the user's key\nthe user's certificate\n";
const of = (type: string) => made.filter((each) => each.type === type);
const one = (type: string, name: string): Record<string, unknown> => {
  const found = made.find((each) => each.type === type && each.name === name);
  assert.ok(found, `${type} ${name} among ${made.map((each) => each.name).join(", ")}`);
  return found.inputs;
};

describe("the program of an emulated cluster", () => {
  let url: string;
  /** Names of what a second Taiga, of the core alone, made. */
  let core: string[];
  /** What a third one made, whose images and certificate come from elsewhere. */
  let imported: Made[];
  let caCertificates: { issued: string; own: string };
  let says: { rehearsal: string; taiga: string };

  before(async () => {
    // Components load after the mocks are set, as Pulumi's testing guide asks.
    const { Cluster } = (await import(
      "../../components/cluster.js"
    )) as typeof import("../../components/cluster.js");
    const { Taiga } = (await import(
      "../../components/taiga.js"
    )) as typeof import("../../components/taiga.js");
    const { settings } = readSettings({
      prefix: "taiga-test",
      network: "10.50.0.0/24",
      back: { instances: 3 },
      features: { telemetry: true, importers: ["jira"] },
      email: { host: "mail.example.org", password: "hidden" },
      admin: { username: "ada", email: "ada@example.org" },
      database: { name: "projects", user: "keeper" },
    });
    const credentials = pulumi.secret(JSON.stringify(await createCredentials()));
    const cluster = new Cluster("taiga-test", {
      settings,
      kind: "emulated",
      credentials,
      protectData: false,
      transform: {
        machine: {
          domain: (args) => void Object.assign(args, { description: "transformed" }),
          data: { size: 1 },
        },
      },
    });
    const common = {
      cluster,
      credentials,
      application: settings.application,
      tls: { kind: "issued", days: 365 },
    } as const;
    const taiga = new Taiga("taiga", { ...common, services: "all" });
    url = await new Promise((resolve) => taiga.url.apply(resolve));
    const before = made.length;
    const small = new Taiga("small", { ...common, services: "core" });
    await new Promise((resolve) => small.url.apply(resolve));
    core = made.splice(before).map(({ name }) => name);
    const image = (service: string) => ({
      source: `docker://example.org/${service}:6.10.2`,
      id: "0".repeat(64),
      name: `127.0.0.1:5000/taiga/${service}:6.10.2-0`,
      isRehearsal: false,
    });
    const other = new Taiga("other", {
      ...common,
      services: "all",
      images: { back: image("back"), front: image("front") },
      tls: { kind: "own", bundle: ownBundle },
    });
    await new Promise((resolve) => other.url.apply(resolve));
    imported = made.splice(before);
    says = { rehearsal: taiga.images, taiga: other.images };
    const caOf = (each: { caCertificate: pulumi.Output<string> }) =>
      new Promise<string>((resolve) => each.caCertificate.apply(resolve));
    caCertificates = { issued: await caOf(taiga), own: await caOf(other) };
  });

  it("has the dynamic resources' provider configured before anything that machines need", () => {
    const names = made.map(({ name, type }) => `${type} ${name}`);
    const configured = names.indexOf("pulumi-nodejs:dynamic/cluster:Configuration taiga-test");
    assert.notEqual(configured, -1);
    assert.ok(configured < names.indexOf("libvirt:index/network:Network taiga-test-network"));
  });

  it("tells the configuration's resource what each machine is made of, its Ignition by a digest", () => {
    const { makeup } = one("pulumi-nodejs:dynamic/cluster:Configuration", "taiga-test") as {
      makeup: Record<string, Record<string, unknown>>;
    };
    assert.deepEqual(Object.keys(makeup).sort(), ["taiga-test-1", "taiga-test-2", "taiga-test-3"]);
    const { image, payload, ignition, ...size } = makeup["taiga-test-2"] as Record<string, unknown>;
    assert.deepEqual(size, {
      kind: "emulated",
      hypervisor: "libvirt:uri",
      memory: 1280,
      vcpus: 1,
      dataDisk: 4096,
    });
    for (const digest of [image, payload, ignition]) assert.match(String(digest), /^[0-9a-f]{12}$/);
    assert.notEqual(ignition, makeup["taiga-test-1"]?.ignition);
    const overlay = one("libvirt:index/volume:Volume", "taiga-test-2-overlay");
    assert.equal(overlay.name, `taiga-test-2-${image}-${ignition}`, "what names the overlay replaces it");
  });

  it("gives each domain its name, kind, memory, disks in order and Ignition", () => {
    const domains = of("libvirt:index/domain:Domain");
    assert.deepEqual(domains.map(({ inputs }) => inputs.name).sort(), [
      "taiga-test-1",
      "taiga-test-2",
      "taiga-test-3",
    ]);
    const domain = one("libvirt:index/domain:Domain", "taiga-test-2-domain");
    assert.equal(domain.type, "qemu");
    assert.equal(domain.memory, 1280);
    assert.equal(domain.running, true);
    assert.deepEqual(domain.cmdlines, [
      { console: "ttyS0", apparmor: "0", mitigations: "off" },
      { _: "quiet" },
    ]);
    assert.deepEqual(
      domain.disks,
      ["overlay", "data", "payload"].map((disk) => ({ volumeId: `taiga-test-2-${disk}-id` })),
    );
    assert.equal(domain.coreosIgnition, "taiga-test-2-ignition-id");
  });

  it("gives fleet what takes longest to be active before all else", () => {
    const units = of("pulumi-nodejs:dynamic/fleet:Unit").map(({ name }) => name);
    const isStore = (name: string) => /^taiga-(db|broker|media)(-discovery)?@/.test(name);
    const stores = units.findIndex((name) => !isStore(name));
    assert.equal(stores, 18, units.join());
    assert.ok(!units.slice(stores).some(isStore), units.join());
  });

  it("has of the core one member of the database, and nothing that is behind the broker", () => {
    const services = core.filter((name) => /^taiga-[a-z]+(@\d+)?\.service$/.test(name));
    assert.deepEqual(
      services.filter((name) => name.startsWith("taiga-db")),
      ["taiga-db@1.service"],
    );
    for (const name of ["taiga-back@1.service", "taiga-front@2.service", "taiga-gateway.service"])
      assert.ok(services.includes(name), name);
    assert.deepEqual(
      core.filter((name) => /^taiga-(broker|async|beat|events|protected|media@)/.test(name)),
      [],
    );
  });

  it("has a registry on the machines where images come from elsewhere, and its units run them", () => {
    assert.deepEqual(says, { rehearsal: "rehearsal", taiga: "taiga" });
    const ofKind = (type: string) => imported.filter((each) => each.type === `pulumi-nodejs:dynamic/${type}`);
    assert.deepEqual(
      ofKind("registry:Image")
        .map(({ name }) => name)
        .sort(),
      ["taiga-back", "taiga-front"],
    );
    const { inputs } = ofKind("registry:Image")[0] as Made;
    assert.equal((inputs.machines as unknown[]).length, 3);
    const content = (name: string) => String(imported.find((each) => each.name === name)?.inputs.content);
    for (const unit of ["taiga-back@1.service", "taiga-static.service"]) {
      assert.match(content(unit), / 127\.0\.0\.1:5000\/taiga\/back:6\.10\.2-0[ \n]/);
      assert.doesNotMatch(content(unit), /:rehearsal/, unit);
    }
    const wait = /^ExecStartPre=\S+\/await-migration 127\.0\.0\.1:5000\/taiga\/back:6\.10\.2-0$/m;
    assert.match(content("taiga-async@2.service"), wait, "workers wait for the tables of their own image");
    assert.ok(imported.some(({ name }) => name === "taiga-registry-peers.service"));
    assert.ok(!made.some(({ name }) => name.startsWith("taiga-registry")), "none where none is needed");
  });

  it("runs the core where machines are emulated, unless told otherwise", () => {
    const { settings } = readSettings({ prefix: "p" });
    assert.equal(servicesOn("emulated", settings.application), "core");
    assert.equal(servicesOn("kvm", settings.application), "all");
    assert.equal(servicesOn("container", settings.application), "all");
    const whole = readSettings({ prefix: "p", services: "all" }).settings.application;
    assert.equal(servicesOn("emulated", whole), "all");
  });

  it("lets a transform reach child resources, by function and by overlay", () => {
    assert.equal(one("libvirt:index/domain:Domain", "taiga-test-1-domain").description, "transformed");
    assert.equal(one("libvirt:index/volume:Volume", "taiga-test-1-data").size, 1);
  });

  it("plans addresses: no DHCP, each machine's own in its Ignition", () => {
    const network = one("libvirt:index/network:Network", "taiga-test-network");
    assert.deepEqual(network.addresses, ["10.50.0.0/24"]);
    assert.deepEqual(network.dhcp, { enabled: false });
    const ignition = JSON.stringify(one("libvirt:index/ignition:Ignition", "taiga-test-3-ignition").content);
    const file = /cluster\.network.*?base64,([A-Za-z0-9+/=]+)/.exec(ignition.replaceAll("\\", ""))?.[1] ?? "";
    assert.match(Buffer.from(file, "base64").toString() || decodeURIComponent(ignition), /10\.50\.0\.13/);
  });

  it("never puts the member count or list in Ignition, so that growth replaces no machine", () => {
    const content = JSON.stringify(one("libvirt:index/ignition:Ignition", "taiga-test-1-ignition").content);
    const decoded = [...content.matchAll(/base64,([A-Za-z0-9+/=]+)/g)].map(([, text]) =>
      Buffer.from(text as string, "base64").toString(),
    );
    for (const other of ["10.50.0.12", "10.50.0.13"])
      assert.ok(![content, ...decoded].some((text) => text.includes(other)));
  });

  it("names overlays by image and Ignition, data volumes by machine alone", () => {
    assert.match(
      String(one("libvirt:index/volume:Volume", "taiga-test-1-overlay").name),
      /^taiga-test-1-[0-9a-f]{12}-[0-9a-f]{12}$/,
    );
    assert.equal(one("libvirt:index/volume:Volume", "taiga-test-1-data").name, "taiga-test-1-data");
  });

  it("registers configuration, units of every instance and gates", () => {
    const units = of("pulumi-nodejs:dynamic/fleet:Unit").map(({ inputs }) => inputs.name);
    for (const unit of [
      "taiga-db@1.service",
      "taiga-db@3.service",
      "taiga-broker@3.service",
      "taiga-media@3.service",
      "taiga-media-discovery@3.service",
      "taiga-media-mount.service",
      "taiga-ambassador.service",
      "taiga-back@1.service",
      "taiga-back@2.service",
      "taiga-back-discovery@2.service",
      "taiga-gateway.service",
    ]) {
      assert.ok(units.includes(unit), unit);
    }
    assert.deepEqual(
      one("pulumi-nodejs:dynamic/fleet:Rollout", "taiga-db").units,
      ["", "-discovery"].flatMap((kind) => [1, 2, 3].map((index) => `taiga-db${kind}@${index}.service`)),
    );
  });

  it("names the database as configured: in its keys, and where a preview looks whether it may be so named", () => {
    const value = (key: string) =>
      one("pulumi-nodejs:dynamic/etcd:Key", `/taiga/config/database/${key}`).value;
    assert.deepEqual([value("postgres_db"), value("postgres_user")], ["projects", "keeper"]);
    const { database } = one("pulumi-nodejs:dynamic/cluster:Holders", "taiga");
    assert.deepEqual(database, { name: "projects", user: "keeper" });
  });

  it("gives passwords of the database and the broker as secrets of their own, the members' apart from the clients'", () => {
    const passwords = of("pulumi-nodejs:dynamic/etcd:Key")
      .filter(({ name }) => /\/(database|broker)(-member)?\/.*(pass|cookie)/.test(name))
      .map(({ name, inputs }) => ({ name, value: inputs.value as { value?: string } }));
    assert.equal(passwords.length, 6, passwords.map(({ name }) => name).join());
    const clients = passwords.filter(({ name }) => /\/(database|broker)\//.test(name));
    assert.deepEqual(clients.map(({ name }) => name).sort(), [
      "/taiga/config/broker/rabbitmq_pass",
      "/taiga/config/database/postgres_password",
    ]);
    assert.equal(new Set(passwords.map(({ value }) => JSON.stringify(value))).size, passwords.length);
  });

  it("stores a dynamic resource's code as a short require", () => {
    for (const { name, inputs } of made.filter(({ type }) => type.startsWith("pulumi-nodejs:dynamic"))) {
      const code = JSON.stringify(inputs.__provider);
      assert.ok(code.length < 500 && code.includes("taiga-provider/"), `${name}: ${code.length} characters`);
    }
  });

  it("answers at the entry address, over TLS", () => assert.equal(url, "https://10.50.0.5/"));

  it("starts as many instances of the API as were asked for", () => {
    const units = of("pulumi-nodejs:dynamic/fleet:Unit").map(({ inputs }) => String(inputs.name));
    assert.deepEqual(units.filter((unit) => /^taiga-back@/.test(unit)).sort(), [
      "taiga-back@1.service",
      "taiga-back@2.service",
      "taiga-back@3.service",
    ]);
    assert.equal(units.filter((unit) => /^taiga-front@/.test(unit)).length, 2);
  });

  it("has a key for each feature flag and mail setting, and the machines for the entry address", () => {
    const value = (path: string) => one("pulumi-nodejs:dynamic/etcd:Key", `/taiga/config/${path}`).value;
    assert.equal(value("features/enable_telemetry"), "True");
    assert.equal(value("features/public_register_enabled"), "False");
    assert.equal(value("features/enable_jira_importer"), "True");
    assert.equal(value("features/enable_trello_importer"), "False");
    assert.equal(value("email/email_backend"), "django.core.mail.backends.smtp.EmailBackend");
    assert.equal(value("entry/address"), "10.50.0.5");
    assert.equal(value("entry/machines"), "10.50.0.11 10.50.0.12 10.50.0.13");
    assert.equal(value("media/members"), "10.50.0.11 10.50.0.12 10.50.0.13");
  });

  it("gives secrets to the engine as secrets", () => {
    for (const path of [
      "gateway/tls",
      "email/email_host_password",
      "back/taiga_secret_key",
      "admin/django_superuser_password",
    ]) {
      const { value } = one("pulumi-nodejs:dynamic/etcd:Key", `/taiga/config/${path}`);
      assert.equal(
        (value as Record<string, unknown>)["4dabf18193072939515e22adb298388d"],
        secretSignature,
        path,
      );
    }
  });

  it("gives the gateways the user's own certificate where there is one, as a secret, and asks for none", () => {
    const { value } = imported.find(({ name }) => name === "/taiga/config/gateway/tls")?.inputs ?? {};
    const { value: bundle, ...signature } = value as Record<string, unknown>;
    assert.equal(bundle, ownBundle);
    assert.deepEqual(Object.values(signature), [secretSignature]);
    assert.deepEqual(
      imported.filter(({ type }) => type.endsWith("tls:Certificate")),
      [],
    );
    assert.match(caCertificates.issued, /BEGIN CERTIFICATE/);
    assert.equal(caCertificates.own, "", "the stack's CA has signed nothing that a user meets");
  });

  it("asks for one certificate, for the entry address and every machine's", () => {
    const { addresses, days } = one("pulumi-nodejs:dynamic/tls:Certificate", "taiga-gateway");
    assert.deepEqual([addresses, days], [["10.50.0.5", "10.50.0.11", "10.50.0.12", "10.50.0.13"], 365]);
  });
});
