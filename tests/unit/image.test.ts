import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readSettings } from "../../components/settings";
import { catalogue } from "../../images/catalogue";

const read = (image: unknown, kind = "kvm") =>
  readSettings({ prefix: "taiga-dev", machines: { kind, image } });
const sha = `sha256:${"ab".repeat(32)}`;

describe("the machines' image", () => {
  it("is the catalogue's by name alone", () => {
    for (const name of ["flatcar", "fcos"] as const) {
      const { settings, problems } = read(name);
      assert.deepEqual([settings.machines.image, problems], [catalogue[name], []]);
    }
  });

  it("may be another version with its checksum, found where the makers put it, or elsewhere", () => {
    const { settings, problems } = read({ name: "flatcar", version: "4230.2.4", checksum: sha });
    assert.deepEqual(problems, []);
    assert.deepEqual(settings.machines.image, {
      name: "flatcar",
      version: "4230.2.4",
      source: "https://stable.release.flatcar-linux.net/amd64-usr/4230.2.4/flatcar_production_qemu_image.img",
      checksum: sha,
    });
    const source = "file:///srv/images/fcos.qcow2.xz";
    assert.deepEqual(read({ name: "fcos", source }).settings.machines.image, { ...catalogue.fcos, source });
  });

  for (const [what, image, expected] of [
    ["an unknown one", "coreos", /^taiga:machines\.image is "coreos"; write one of debian, flatcar, fcos/],
    [
      "another version without its checksum",
      { name: "flatcar", version: "4230.2.4" },
      /^taiga:machines\.image\.checksum is missing; write that of https:.*4230\.2\.4.*\.DIGESTS$/,
    ],
    [
      "a channel for a version",
      { name: "flatcar", version: "stable", checksum: sha },
      /^taiga:machines\.image\.version is "stable"; write a version in quotes/,
    ],
    [
      "a short checksum",
      { name: "fcos", checksum: "sha256:abc" },
      /^taiga:machines\.image\.checksum is "sha256:abc"; write "sha256:" and 64/,
    ],
    [
      "a source that is a path",
      { name: "fcos", source: "/srv/a.qcow2" },
      /^taiga:machines\.image\.source .*a URL of https/,
    ],
    [
      "a version of what is built here",
      { name: "debian", version: "12.1.0" },
      /^taiga:machines\.image\.version .*debian is built here/,
    ],
    [
      "an unknown field",
      { name: "fcos", stream: "stable" },
      /^taiga:machines\.image\.stream .*write one of name, version/,
    ],
    ["none", { version: "1.2.3" }, /^taiga:machines\.image\.name is missing; write one of debian/],
    ["a list", ["debian"], /^taiga:machines\.image is \["debian"\]; write one of/],
  ] as const) {
    it(`is refused: ${what}`, () => {
      const all = read(image).problems.map(({ field, message }) => `${field} ${message}`);
      assert.equal(all.length, 1, all.join("\n"));
      assert.match(all[0] as string, expected);
    });
  }

  it("is the one built here for container machines", () => {
    const [problem] = read("flatcar", "container").problems;
    assert.match(
      `${problem?.field} ${problem?.message}`,
      /^taiga:machines\.image "flatcar" is for virtual machines; write debian/,
    );
  });
});
