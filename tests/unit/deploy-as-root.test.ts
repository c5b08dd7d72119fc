import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { buildArtifactsAsRoot } from "../../deploy/artifacts";
import { ensureVolumesFolder, isClosed } from "../../deploy/volumes-folder";
import { keepEnvironment } from "../support/kept-environment";

describe("where there is no sudo and the user is not root", () => {
  const restore = keepEnvironment("PATH", "TAIGA_CACHE");
  const getuid = process.getuid;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "taiga-test-no-root-"));
    process.env.PATH = folder;
    process.env.TAIGA_CACHE = join(folder, "it's a cache");
    process.getuid = () => 1000;
  });
  afterEach(() => {
    restore();
    process.getuid = getuid as () => number;
    rmSync(folder, { recursive: true });
  });

  it("the line that builds image and payload is said, as a shell can take it", async () => {
    await assert.rejects(
      buildArtifactsAsRoot({ say: () => {}, log: "/dev/null" }),
      /as root.*\n {2}\(cd '.*' && env 'TAIGA_CACHE=.*\/it'\\''s a cache' .*images\/build\.ts'\)$/,
    );
  });

  it("the line that closes the volumes' folder is said", async () => {
    const volumes = join(folder, "volumes");
    await assert.rejects(
      ensureVolumesFolder("/dev/null", volumes),
      /as root.*\n {2}install -d -o root .*\/volumes$/,
    );
  });

  it("a folder of volumes is closed when it is root's and no other user enters it", () => {
    assert.equal(isClosed(join(folder, "no-such")), false);
    chmodSync(folder, 0o755);
    assert.equal(isClosed(folder), false);
    chmodSync(folder, 0o710);
    assert.equal(isClosed(folder), getuid?.() === 0);
  });
});
