import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { readSettings } from "../../components/settings";
import { resolveImages } from "../../components/taiga-images";
import { BadReference, parseReference } from "../../images/reference";
import { writeProgram } from "../support/program";

const hex = "0".repeat(64);
const images = (change: Record<string, unknown> = {}) => ({
  back: "docker://docker.io/taigaio/taiga-back:6.10.2",
  front: "docker://docker.io/taigaio/taiga-front:6.10.2",
  events: "docker://docker.io/taigaio/taiga-events:6.10.0",
  protected: "docker://docker.io/taigaio/taiga-protected:6.10.0",
  ...change,
});
const read = (given: unknown) => {
  const { settings, problems } = readSettings({ prefix: "taiga-dev", images: given });
  return {
    images: settings.application.images,
    problems: problems.map(({ field, message }) => `${field}: ${message}`),
  };
};

describe("where images of Taiga are", () => {
  it("is left out for the rehearsal, and otherwise said of all", () => {
    assert.deepEqual(read({}), { images: undefined, problems: [] });
    assert.deepEqual(read(undefined), { images: undefined, problems: [] });
    assert.equal(read(images()).images?.back.version, "6.10.2");
    const { events: _, ...three } = images();
    assert.match(
      read(three).problems.join(),
      /taiga:images\.events: null is no image; write one such as docker:/,
    );
  });

  it("is read of every transport, with the version that people know it by", () => {
    const version = (text: string) => parseReference(text).version;
    assert.equal(version("docker://registry.example.org:5000/a/b/taiga-back:6.10.2"), "6.10.2");
    assert.equal(version("oci:/srv/images/back:6.10.2"), "6.10.2");
    assert.equal(version("docker-archive:/srv/back.tar:taiga/back:6.10.2"), "6.10.2");
    assert.equal(version("docker-archive:/srv/back.tar"), undefined);
    assert.equal(version("dir:/srv/back"), undefined);
    assert.equal(
      parseReference(`docker://docker.io/taigaio/taiga-back:6.10.2@sha256:${hex}`).text,
      `docker://docker.io/taigaio/taiga-back@sha256:${hex}`,
      "skopeo takes one of the two",
    );
  });

  const refusals: readonly (readonly [string, unknown, RegExp])[] = [
    [
      "no mapping",
      "taigaio/taiga-back:6.10.2",
      /^taiga:images: "taigaio.*is no mapping; write one such as \{ back/,
    ],
    [
      "an unknown image",
      images({ db: "oci:/x" }),
      /^taiga:images\.db: "oci:\/x" is for no known image; write one of back, front/,
    ],
    [
      "no transport",
      images({ back: "taigaio/taiga-back:6.10.2" }),
      /^taiga:images\.back: .* has no transport that is known; write docker:/,
    ],
    [
      "an unknown transport",
      images({ back: "containers-storage:back:1" }),
      /^taiga:images\.back: .* has no transport that is known/,
    ],
    [
      "the tag latest",
      images({ back: "docker://docker.io/taigaio/taiga-back:latest" }),
      /is whatever is new on the day; write a version or a digest, such as docker:\/\/docker\.io\/taigaio\/taiga-back:6\.10\.2/,
    ],
    ["no tag", images({ back: "docker://docker.io/taigaio/taiga-back" }), /is whatever is new on the day/],
    [
      "the tag stable",
      images({ front: "docker://docker.io/taigaio/taiga-front:stable" }),
      /^taiga:images\.front: .*whatever is new/,
    ],
    [
      "latest in a layout",
      images({ back: "oci:/srv/back:latest" }),
      /is whatever is new on the day; write the name of a version/,
    ],
    ["no host", images({ back: "docker://taiga-back:6.10.2" }), /names no image; write one such as docker:/],
    [
      "a relative path",
      images({ back: "oci:images/back:1" }),
      /names no folder of this host; write its whole path, such as oci:\/srv/,
    ],
    ["a number", images({ back: 6 }), /^taiga:images\.back: 6 is no image/],
  ];
  for (const [what, given, message] of refusals)
    it(`is refused for ${what}`, () => {
      const { problems } = read(given);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] as string, message);
    });

  it("is never a path with a newline or an option in it", () => {
    for (const text of ["docker://host/a:1 --all", "docker://-x/a:1", "dir:/a:b"])
      assert.throws(() => parseReference(text), BadReference, text);
  });
});

describe("looking images up at preview", () => {
  const folder = mkdtempSync(join(tmpdir(), "taiga-images-"));
  const { PATH, TAIGA_CACHE } = process.env;
  /** A stand-in for skopeo, for what a registry out of reach would say; real skopeo is in the tests of contract and e2e. */
  const skopeo = (body: string) => {
    writeProgram(join(folder, "bin/skopeo"), `echo "$*" >>${folder}/calls\n${body}`);
    process.env.PATH = `${join(folder, "bin")}${delimiter}${PATH}`;
  };
  const calls = () => execFileSync("wc", ["-l", join(folder, "calls")], { encoding: "utf8" }).split(" ")[0];
  const resolve = (given: unknown, services: "all" | "core" = "all") =>
    resolveImages(read(given).images, services);

  before(() => {
    process.env.TAIGA_CACHE = folder;
  });
  afterEach(() => {
    process.env.PATH = PATH;
    rmSync(join(folder, "image-ids"), { recursive: true, force: true });
    rmSync(join(folder, "calls"), { force: true });
  });
  after(() => {
    if (TAIGA_CACHE === undefined) delete process.env.TAIGA_CACHE;
    else process.env.TAIGA_CACHE = TAIGA_CACHE;
    rmSync(folder, { recursive: true });
  });

  it("names each by its version and content, and asks a registry for each once", () => {
    const config = '{"config":{"Labels":null}}';
    skopeo(`printf '%s' '${config}'`);
    const found = resolve(images());
    assert.deepEqual(found.problems, []);
    const id = createHash("sha256").update(config).digest("hex");
    assert.deepEqual(found.images?.back, {
      source: images().back,
      id,
      name: `127.0.0.1:5000/taiga/back:6.10.2-${id.slice(0, 32)}`,
      isRehearsal: false,
    });
    assert.equal(calls(), "4");
    assert.deepEqual(resolve(images()), found);
    assert.equal(calls(), "4", "a version stays what it is");
  });

  it("asks for those alone that some service runs", () => {
    skopeo("echo '{}'");
    assert.deepEqual(Object.keys(resolve(images(), "core").images ?? {}), ["back", "front"]);
  });

  it("knows the rehearsal wherever it was copied to", () => {
    skopeo(`echo '{"config":{"Labels":{"taiga.rehearsal":"true"}}}'`);
    assert.equal(resolve(images()).images?.front?.isRehearsal, true);
  });

  it("says of each that is not there what skopeo said", () => {
    skopeo(
      `echo 'time="2026-01-01T00:00:00Z" level=fatal msg="Error parsing image name: no such host"' >&2; exit 1`,
    );
    const { problems } = resolve(images());
    assert.equal(problems.length, 4);
    assert.equal(problems[0]?.field, "taiga:images.back");
    assert.match(
      problems[0]?.message ?? "",
      /^"docker:.*" cannot be read \(skopeo: Error parsing image name: no such host\); write a reference/,
    );
  });

  it("says that a file is not there without asking skopeo", () => {
    const [problem] = resolve(images({ back: "docker-archive:/nowhere/back.tar" }), "core").problems;
    assert.match(
      problem?.message ?? "",
      /^"docker-archive:\/nowhere\/back\.tar" is not on this host; write the path/,
    );
  });

  it("says what to do without skopeo", () => {
    process.env.PATH = join(folder, "nothing");
    const [problem] = resolve(images()).problems;
    assert.match(problem?.message ?? "", /takes skopeo, which this host lacks; run \.\/deploy\.sh/);
  });
});
