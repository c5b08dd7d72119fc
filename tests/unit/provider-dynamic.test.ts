import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { etcd } from "../../provider";

const root = join(__dirname, "../..");
const entries = join(root, "provider/entry");

describe("a dynamic resource", () => {
  const made: pulumi.runtime.MockResourceArgs[] = [];
  before(async () => {
    await pulumi.runtime.setMocks({
      newResource: (args) => {
        made.push(args);
        return { id: args.name, state: args.inputs };
      },
      call: () => ({}),
    });
  });

  it("stores a short text that finds the provider's module", async () => {
    const key = new etcd.Key("k", { key: "/k", value: "v" });
    await new Promise((done) => key.urn.apply(done));
    const [{ type, inputs }] = made as [pulumi.runtime.MockResourceArgs];
    assert.equal(type, "pulumi-nodejs:dynamic/etcd:Key");
    assert.ok(inputs.__provider.length < 80, inputs.__provider);
    const stored = {} as { handler: () => { create: unknown } };
    new Function("exports", "require", inputs.__provider)(stored, require);
    assert.equal(typeof stored.handler().create, "function");
  });

  it("is known to a program without the part of the SDK that serialises closures, which takes half a second to load", () => {
    const loaded = "process.stdout.write(Object.keys(require.cache).join('\\n'))";
    const script = `require("tsx/cjs"); require("./provider"); ${loaded}`;
    const modules = execFileSync(process.execPath, ["-e", script], { cwd: root, encoding: "utf8" });
    assert.match(modules, /pulumi\/resource\.js/);
    assert.doesNotMatch(modules, /closure|arborist/);
  });

  it("has a module for every kind", () => {
    const modules = readdirSync(entries).filter((name) => name.endsWith(".cjs"));
    for (const name of modules) assert.ok(require.resolve(`taiga-provider/${name}`));
    assert.ok(modules.includes("key.cjs"));
  });

  it("leaves stack traces as they were for everybody else", () => {
    const earlier = Error.prepareStackTrace;
    new etcd.Key("other", { key: "/other", value: "v" });
    assert.equal(Error.prepareStackTrace, earlier);
  });
});
