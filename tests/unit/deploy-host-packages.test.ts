import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ensureHostPackages, hostPackages, missingPackages, onPath } from "../../deploy/host-packages";
import { writeProgram } from "../support/program";

const progress = { say: () => {}, log: "/dev/null" };

/** Runs with a PATH of its own holding the given commands, each a script. */
async function withCommands<T>(commands: Record<string, string>, work: () => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "taiga-test-path-"));
  for (const [name, script] of Object.entries(commands)) writeProgram(join(folder, name), script);
  const path = process.env.PATH;
  process.env.PATH = folder;
  try {
    return await work();
  } finally {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  }
}

describe("the host's packages", () => {
  it("are missing when dpkg does not say installed, or never heard of them", async () => {
    const dpkg = 'echo "libc6:amd64 installed"; echo "removed-one config-files"; exit 1';
    const wanted = { libc6: "ldd", "removed-one": "x", unheard: "x" };
    await withCommands({ "dpkg-query": dpkg }, () => {
      assert.deepEqual(missingPackages(wanted), ["removed-one", "unheard"]);
    });
  });

  it("are looked for by their commands where there is no dpkg", async () => {
    await withCommands({ virsh: "" }, () => {
      assert.deepEqual(missingPackages({ a: "virsh", b: "no-such-command-here" }), ["b"]);
      assert.ok(onPath("virsh"));
    });
  });

  it("are looked for by a file where that is what a package brings, and there is no dpkg", async () => {
    await withCommands({}, () => {
      assert.deepEqual(missingPackages({ a: __filename, b: `${__filename}.gpg` }), ["b"]);
    });
  });

  it("have Debian's keys, which Ubuntu lacks and mmdebstrap looks for", () => {
    assert.match(hostPackages["debian-archive-keyring"] as string, /^\/usr\/share\/keyrings\/.*\.gpg$/);
  });

  it("that no apt-get can bring are asked for by the names of their commands", async () => {
    await withCommands({}, async () => {
      await assert.rejects(
        ensureHostPackages(progress, { "some-package": "no-such-command-here" }),
        /no-such-command-here/,
      );
    });
  });

  it("cost nothing when all are there", async () => {
    await withCommands({ virsh: "" }, async () => {
      assert.equal(await ensureHostPackages(progress, { a: "virsh" }), "all there");
    });
  });
});
