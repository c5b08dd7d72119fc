import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { catalogue } from "../../images/catalogue";
import { createCredentials } from "../../provider/credentials";

const made: pulumi.runtime.MockResourceArgs[] = [];
pulumi.runtime.setMocks(
  {
    newResource: (args) => {
      made.push(args);
      return { id: args.id || `${args.name}-id`, state: args.inputs };
    },
    call: () => ({}),
  },
  "taiga",
  "test",
  false,
);
const domain = (name: string) =>
  made.find((each) => each.type === "libvirt:index/domain:Domain" && each.name === name)?.inputs;

describe("the program of machines of a published image", () => {
  const images: Record<string, string | undefined> = {};

  before(async () => {
    const { Cluster } = (await import(
      "../../components/cluster.js"
    )) as typeof import("../../components/cluster.js");
    const { readSettings } = (await import(
      "../../components/settings.js"
    )) as typeof import("../../components/settings.js");
    const credentials = pulumi.secret(JSON.stringify(await createCredentials()));
    for (const image of ["flatcar", "fcos"]) {
      const { settings } = readSettings({ prefix: image, machines: { kind: "kvm", count: 1, image } });
      const cluster = new Cluster(image, { settings, kind: "kvm", credentials });
      images[image] = cluster.machines[0]?.image;
      await new Promise((resolve) => cluster.ready.urn.apply(resolve));
    }
  });

  it("boots them from their own disk, kernel and initrd within", () => {
    for (const name of ["flatcar", "fcos"]) {
      const { kernel, initrd, cmdlines } = domain(`${name}-1-domain`) ?? {};
      assert.deepEqual([kernel, initrd, cmdlines], [undefined, undefined, undefined], name);
      const volumes = made.filter((each) => each.name.startsWith(`${name}-`) && each.type.endsWith("Volume"));
      assert.deepEqual(volumes.map((each) => each.name.slice(name.length + 1)).sort(), [
        "1-data",
        "1-overlay",
        "1-payload",
        "base",
        "payload",
      ]);
      const base = volumes.find((each) => each.name === `${name}-base`)?.inputs;
      assert.match(base?.source, /\/published\/[0-9a-f]{12}\/disk\.qcow2$/);
      assert.equal(base?.format, "qcow2");
    }
  });

  it("hands Ignition over where each distribution looks", () => {
    assert.equal(domain("flatcar-1-domain")?.fwCfgName, "opt/org.flatcar-linux/config");
    assert.equal(
      domain("fcos-1-domain")?.fwCfgName,
      undefined,
      "Ignition's own, which is the provider's default",
    );
    assert.equal(domain("fcos-1-domain")?.coreosIgnition, "fcos-1-ignition-id");
  });

  it("says what they boot", () => {
    assert.deepEqual(images, {
      flatcar: `flatcar-${catalogue.flatcar.version}`,
      fcos: `fcos-${catalogue.fcos.version}`,
    });
  });
});
