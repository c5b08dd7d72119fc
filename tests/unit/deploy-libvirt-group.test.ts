import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { libvirtGroup } from "../../deploy/libvirt-group";

const folder = mkdtempSync(join(tmpdir(), "taiga-test-group-"));
after(() => rmSync(folder, { recursive: true }));

const groups = (text: string) => {
  const file = join(folder, "group");
  writeFileSync(file, text);
  return libvirtGroup(file);
};

describe("libvirt's group", () => {
  it("is found with its members, and not taken for another whose name begins alike", () => {
    const text = "root:x:0:\nlibvirt-qemu:x:64055:libvirt-qemu\nlibvirt:x:106:ann,bob\n";
    assert.deepEqual(groups(text), { id: 106, members: ["ann", "bob"] });
    assert.deepEqual(groups("libvirt:x:106:\n"), { id: 106, members: [] });
    assert.equal(groups("libvirt-qemu:x:64055:libvirt-qemu\n"), undefined);
  });
});
