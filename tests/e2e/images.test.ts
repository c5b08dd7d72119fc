import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { imageServices } from "../../components/taiga-images";
import { ensureHostPackages, imagePackages } from "../../deploy/host-packages";
import { buildArtifacts } from "../../images/build";
import { Client } from "../support/client";
import { ImageFolder } from "../support/images";
import type { Kind } from "../support/ledger-kinds";
import { underLoad } from "../support/load";
import { startOf } from "../support/machines";
import { type Outputs, TestStack } from "../support/stack";

/** Images that are not in the payload, on container machines: from a folder to every machine's registry, and a new version of one. */
const images = new ImageFolder();
const stack = new TestStack("e2eg", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.106.0.0/24",
  "taiga:containers": "10.206.0.0/16",
  "taiga:images": Object.fromEntries(
    imageServices.map((service) => [service, images.reference(service, "1.0")]),
  ),
});
const serve = readFileSync(join(__dirname, "../../images/rehearsal/back/root/taiga-back/serve.py"), "utf8");

let outputs: Outputs;
let client: Client;

const everywhere = (command: string): Promise<string[]> =>
  Promise.all(outputs.machines.map(({ name }) => stack.ssh(name, command)));

describe("images of Taiga that come from elsewhere", { timeout: 20 * 60_000 }, () => {
  before(async () => {
    // Before the layouts can be made; deploy.sh itself installs it when the stack names images.
    await ensureHostPackages({ say: () => {}, log: "/dev/null" }, imagePackages);
    await buildArtifacts(() => {});
    for (const service of imageServices) images.copy(service, "1.0");
    await stack.deploy();
    outputs = await stack.outputs();
    client = new Client(outputs, outputs.url);
  });

  after(async () => {
    client?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
    images.remove();
  });

  it("run on every machine by the names they have in its own registry", async () => {
    assert.equal((await client.ask("/api/v1/")).status, 200);
    assert.equal(outputs.images, "rehearsal", "an image says itself that it is one");
    const running = (await everywhere("sudo docker ps --format '{{.Names}} {{.Image}}'")).join("\n");
    for (const service of imageServices)
      assert.match(
        running,
        new RegExp(`^taiga-${service}-1 127\\.0\\.0\\.1:5000/taiga/${service}:1\\.0-[0-9a-f]{32}$`, "m"),
      );
    assert.doesNotMatch(running, /:rehearsal$/m);
    for (const listed of await everywhere("curl -fs http://127.0.0.1:5000/v2/_catalog"))
      assert.deepEqual(JSON.parse(listed).repositories, imageServices.map((each) => `taiga/${each}`).sort());
  });

  it("have the gateway serve the files of their pages", async () => {
    const { status, text } = await client.ask("/static/rehearsal.txt");
    assert.deepEqual([status, /The rehearsal has this/.test(text)], [200, true]);
  });

  it("are shown to the cluster's machines alone", async () => {
    const [first, second] = outputs.machines;
    const url = `https://${second?.address}:5443/v2/_catalog`;
    const pki = "/var/lib/data/pki";
    const asked = `sudo curl -s --cacert ${pki}/ca.crt ${url} --cert ${pki}/node.crt --key ${pki}/node.key`;
    assert.match(await stack.ssh(first?.name as string, asked), /taiga\/back/);
    const strange = `sudo curl -sk -o /dev/null -w '%{http_code}' ${url} || true`;
    assert.equal(
      (await stack.ssh(first?.name as string, strange)).trim(),
      "000",
      "no certificate, no answer",
    );
    const writing = `${asked.replace("_catalog", "taiga/back/blobs/uploads/")} -X POST -o /dev/null -w '%{http_code}'`;
    assert.equal((await stack.ssh(first?.name as string, writing)).trim(), "405", "machines read only");
    await assert.rejects(fetch(url, { signal: AbortSignal.timeout(3000) }), "and not from the hypervisor");
    await assert.rejects(
      fetch(`http://${second?.address}:5000/v2/`, { signal: AbortSignal.timeout(3000) }),
      "a machine's own is on its loopback",
    );
  });

  it("come from another machine where a registry has lost its own", async () => {
    const { name } = outputs.machines[2] as Outputs["machines"][number];
    const [image] = (await stack.ssh(name, "sudo docker images --format '{{.Repository}}:{{.Tag}}'"))
      .split("\n")
      .filter((each) => each.startsWith("127.0.0.1:5000/taiga/front:"));
    await stack.ssh(
      name,
      `sudo systemctl stop taiga-front@1 taiga-front@2 2>/dev/null; sudo rm -rf /var/lib/data/registry/docker && sudo systemctl restart taiga-registry && sudo docker rmi -f ${image} && sudo /opt/taiga/libexec/image ${image}`,
    );
    assert.match(await stack.ssh(name, "curl -fs http://127.0.0.1:5000/v2/_catalog"), /taiga\/front/);
    await stack.ssh(name, "sudo systemctl start taiga-front@1 taiga-front@2 2>/dev/null || true");
  });

  it("change on running machines, one instance after another, and no request fails", async () => {
    const boots = await everywhere(startOf);
    const next = images.addVersion("back", {
      from: "1.0",
      to: "1.1",
      files: {
        "/taiga-back/serve.py": serve.replace(
          '"instance":',
          '"version": "1.1",\n                    "instance":',
        ),
      },
    });
    await stack.pulumi("config", "set", "--path", "taiga:images.back", next);
    const versions = new Set<string>();
    const whichVersion: Kind = {
      name: "versions",
      success: 200,
      ask: async (own, _subject, timeoutSeconds) => {
        const answer = await own.ask("/api/v1/rehearsal", { timeoutSeconds });
        if (answer.status === 200)
          versions.add((JSON.parse(answer.text) as { version?: string }).version ?? "1.0");
        return answer;
      },
    };
    const preview = await stack.pulumi("preview", "--diff");
    assert.match(preview, /1\.0-[0-9a-f]{32}[\s\S]*1\.1-[0-9a-f]{32}/);
    assert.doesNotMatch(preview, /taiga-(front|events|protected)/, "what has not changed is not touched");
    await underLoad(outputs, () => stack.pulumi("up", "--yes", "--skip-preview"), [whichVersion]);
    assert.deepEqual([...versions].sort(), ["1.0", "1.1"]);
    for (let ask = 0; ask < 10; ask++)
      assert.equal((await client.json<{ version?: string }>("/api/v1/rehearsal")).version, "1.1");
    assert.deepEqual(await everywhere(startOf), boots, "no machine was replaced");
    const migrations = await client.json<string[]>("/api/v1/migrations");
    assert.equal(migrations.length, 2, "once for each version");
    const started = await everywhere(
      "sudo docker ps -q --filter name=taiga-async- | xargs -r sudo docker inspect -f '{{.State.StartedAt}}'",
    );
    const workers = started.flatMap((text) => text.split("\n").filter(Boolean));
    assert.equal(workers.length, 2);
    for (const at of workers)
      assert.ok(
        Date.parse(at) > Date.parse(migrations[1] as string),
        `a worker at ${at}, the tables at ${migrations}`,
      );
    await stack.pulumi("preview", "--expect-no-changes");
  });
});
