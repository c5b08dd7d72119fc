import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { catalogue, type PublishedImage, publishedPath } from "../../images/catalogue";
import { fetchImage, packagesFor } from "../../images/published";

describe("the catalogue of images", () => {
  for (const [name, image] of Object.entries(catalogue)) {
    it(`pins ${name}: a version that its URL has, and a checksum`, () => {
      assert.equal(image.name, name);
      assert.match(image.version, /^\d+(\.\d+){2,3}$/);
      assert.ok(image.source.startsWith("https://") && image.source.includes(`/${image.version}/`));
      assert.match(image.checksum, /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/);
    });
  }
});

describe("a published image", () => {
  const cache = mkdtempSync(join(tmpdir(), "taiga-cache-"));
  const before_ = process.env.TAIGA_CACHE;
  let server: Server;
  let url: string;
  const content = Buffer.from("a disk, in a way".repeat(1000));
  const files: Record<string, Buffer> = { "/disk.img": content };

  before(async () => {
    process.env.TAIGA_CACHE = cache;
    server = createServer((request, response) => {
      const file = files[request.url ?? ""];
      response.writeHead(file ? 200 : 404).end(file);
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(cache, { recursive: true });
    if (before_ === undefined) delete process.env.TAIGA_CACHE;
    else process.env.TAIGA_CACHE = before_;
  });

  const sum = (data: Buffer, algorithm = "sha256") =>
    `${algorithm}:${createHash(algorithm).update(data).digest("hex")}`;
  const image = (source: string, checksum: string): PublishedImage => ({
    name: "flatcar",
    version: "1.2.3",
    source,
    checksum,
  });
  const said: string[] = [];
  const fetched = (one: PublishedImage) => fetchImage(one, (line) => said.push(line));

  it("is fetched once, and told of", async () => {
    const one = image(`${url}/disk.img`, sum(content, "sha512"));
    assert.deepEqual(readFileSync(await fetched(one)), content);
    assert.deepEqual(said, [`fetching flatcar 1.2.3 from ${url}/disk.img`]);
    await fetched(one);
    assert.equal(said.length, 1);
  });

  it("is the same wherever it was fetched from", () => {
    const checksum = sum(content);
    assert.equal(
      publishedPath(image(`${url}/a`, checksum)).dir,
      publishedPath(image(`${url}/b`, checksum)).dir,
    );
  });

  it("is refused with another checksum than expected, and leaves nothing to boot", async () => {
    const wrong = image(`${url}/disk.img`, sum(Buffer.from("another")));
    await assert.rejects(fetched(wrong), (error: Error) => {
      for (const part of [wrong.source, sum(content).slice(7), wrong.checksum.slice(7), "look up"])
        assert.ok(error.message.includes(part), part);
      return true;
    });
    assert.ok(!existsSync(publishedPath(wrong).dir));
  });

  it("is unpacked when its name says that it is packed", async () => {
    const packed = spawnSync("xz", ["-c"], { input: content });
    assert.equal(packed.status, 0);
    files["/disk.qcow2.xz"] = packed.stdout;
    const disk = await fetched(image(`${url}/disk.qcow2.xz`, sum(packed.stdout)));
    assert.deepEqual(readFileSync(disk), content);
    assert.deepEqual(readdirSync(join(disk, "..")), ["disk.qcow2"]);
  });

  it("says what unpacks it", () => {
    assert.deepEqual(packagesFor(catalogue.fcos), { "xz-utils": "unxz" });
    assert.deepEqual(packagesFor(image("file:///a.img.bz2", "")), { bzip2: "bunzip2" });
    assert.deepEqual(packagesFor(catalogue.flatcar), {});
  });

  it("may come from a file", async () => {
    const path = join(cache, "disk");
    writeFileSync(path, "other content");
    const disk = await fetched(image(pathToFileURL(path).href, sum(Buffer.from("other content"))));
    assert.equal(readFileSync(disk, "utf8"), "other content");
  });

  it("that is not to be had is told with the URL and what else may be written", async () => {
    const checksum = sum(Buffer.from("nowhere"));
    await assert.rejects(
      fetched(image(`${url}/no`, checksum)),
      /\/no answers 404; taiga:machines\.image\.source may be/,
    );
    await assert.rejects(
      fetched(image("http://127.0.0.1:1/no", checksum)),
      /does not answer \(.*ECONNREFUSED|fetch/,
    );
  });
});
