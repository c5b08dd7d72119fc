import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { nodeImage, payload } from "../../images/artifacts";
import { createCredentials } from "../../provider/credentials";
import { freeNetworks } from "../support/free-networks";
import { keepEnvironment } from "../support/kept-environment";
import { writeProgram } from "../support/program";

const root = resolve(__dirname, "../..");
/** Names of what the engine was asked for. */
const made: string[] = [];

pulumi.runtime.setMocks(
  {
    newResource: ({ name, inputs, id }) => {
      made.push(name);
      return { id: id || `${name}-id`, state: inputs };
    },
    call: () => ({}),
  },
  "taiga",
  "test",
  false,
);

describe("the project's program", () => {
  /** A copy of the project, whose unit files a test may break, on a host whose libvirt answers and where all is built. */
  const checkout = mkdtempSync(join(tmpdir(), "taiga-program-"));
  const restore = keepEnvironment("PATH", "TAIGA_CACHE");
  const run = () =>
    createRequire(join(checkout, "package.json"))("./index.ts") as { url: pulumi.Output<string> };

  before(async () => {
    const skipped = ["node_modules", ".git", ".state", "tests", "bench", "docs"].map((name) =>
      join(root, name),
    );
    cpSync(root, checkout, { recursive: true, filter: (path) => !skipped.includes(path) });
    symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
    process.env.TAIGA_CACHE = join(checkout, "cache");
    for (const { dir } of [nodeImage(), payload()]) mkdirSync(dir, { recursive: true });
    writeProgram(join(checkout, "bin/virsh"), "");
    process.env.PATH = `${join(checkout, "bin")}:${process.env.PATH}`;
    const { network, containers } = freeNetworks();
    pulumi.runtime.setAllConfig({
      "taiga:machines": JSON.stringify({ kind: "emulated" }),
      "taiga:network": network,
      "taiga:containers": containers,
      "taiga:pool": join(checkout, "pool"),
      "taiga:credentials": JSON.stringify(await createCredentials()),
    });
  });
  beforeEach(() => {
    made.length = 0;
  });
  after(() => {
    restore();
    rmSync(checkout, { recursive: true });
  });

  it("refuses unit files that are broken, all in one error, before it declares a resource", async () => {
    const broken = {
      "taiga-db@.service": "\nthis is no assignment\n",
      "taiga-gateway.service": "\n[X-Fleet]\nMachineOf=taiga-db@1.service\n",
    };
    const whole = Object.keys(broken).map((name) => join(checkout, "units", name));
    const texts = whole.map((path) => readFileSync(path, "utf8"));
    for (const [name, more] of Object.entries(broken))
      writeFileSync(join(checkout, "units", name), more, { flag: "a" });
    try {
      assert.throws(run, (error: Error) => {
        assert.ok(pulumi.RunError.isInstance(error), "shown without a stack trace");
        const [database, gateway, ...others] = error.message.split("\n");
        assert.match(
          database ?? "",
          /^units\/taiga-db@\.service:\d+: "this is no assignment" is no assignment; write Option=value/,
        );
        assert.match(
          gateway ?? "",
          /^units\/taiga-gateway\.service:\d+: .*Global and MachineOf.*take one of/,
        );
        assert.deepEqual(others, []);
        return true;
      });
      await sleep(100); // what is declared reaches the engine later
      assert.deepEqual(made, []);
    } finally {
      for (const [at, path] of whole.entries()) writeFileSync(path, texts[at] as string);
    }
  });

  it("declares its resources with the unit files as they are", async () => {
    const { url } = run();
    await new Promise((done) => url.apply(done));
    assert.ok(made.includes("taiga-gateway.service"), made.join(", "));
  });
});
