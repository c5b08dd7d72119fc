import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { listMembers } from "../../provider/cluster/members";
import { TestCluster } from "../support/cluster";
import { SecondHypervisor } from "../support/hypervisor";
import { bridges, namespaces } from "../support/namespace";

/** One stack over two libvirtds, the second as another host would have it: a machine on each, since machines may be emulated here. */
const prefix = "taiga-e2et";
const pool = `/var/lib/taiga/${prefix}`;
const here = "qemu:///system";

let second: SecondHypervisor;
let cluster: TestCluster | undefined;

const virsh = (uri: string, ...args: string[]): string =>
  execFileSync("virsh", ["-q", "-c", uri, ...args], { encoding: "utf8" });

/** Names of domains, network and pool. */
const objects = (uri: string): string[] =>
  ["list", "net-list", "pool-list"].flatMap((listing) =>
    virsh(uri, listing, "--all", "--name")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith(prefix)),
  );

describe("a cluster over two hypervisors", { timeout: 20 * 60_000 }, () => {
  before(async () => {
    second = await SecondHypervisor.start(prefix, ["10.109.0.1/24", "10.109.0.2/24"]);
    cluster = await TestCluster.start({
      name: "e2et",
      network: "10.109.0.0/24",
      containers: "10.209.0.0/16",
      config: {
        "taiga:machines": { count: 2, kind: "auto" },
        "taiga:hypervisors": { here, there: second.uri },
        "taiga:link": { mode: "bridge", bridge: second.name },
      },
    });
  });

  after(async () => {
    try {
      await cluster?.stop();
    } finally {
      await second?.stop();
    }
  });

  const machine = (number: number) => {
    const found = cluster?.connection.machines[number - 1];
    assert.ok(found);
    return found;
  };
  const on = (number: number, command: string) =>
    (cluster as TestCluster).connection.ssh.succeed(machine(number), command, { timeoutSeconds: 120 });

  it("has machines, network and pool where its configuration says", () => {
    assert.deepEqual(objects(here), [`${prefix}-1`, prefix, prefix]);
    assert.deepEqual(objects(second.uri), [`${prefix}-2`, prefix, prefix]);
    assert.ok(existsSync(second.folderOf(`${pool}/${prefix}-2-data`)));
    assert.ok(!existsSync(`${pool}/${prefix}-2-data`));
  });

  it("is one etcd, with a vote for each machine", async () => {
    const members = await listMembers((cluster as TestCluster).connection);
    assert.deepEqual(members.map(({ name, isLearner }) => `${name}${isLearner ? " learns" : ""}`).sort(), [
      `${prefix}-1`,
      `${prefix}-2`,
    ]);
  });

  it("joins containers by flannel, from one hypervisor to the other", async () => {
    const image = "taiga/front:rehearsal";
    const run = (number: number, words: string) => on(number, `sudo docker run ${words}`);
    await run(2, `-d --name far --entrypoint nginx ${image} -g 'daemon off;'`);
    const far = (await on(2, "sudo docker inspect -f '{{.NetworkSettings.IPAddress}}' far")).trim();
    assert.match(far, /^10\.209\./);
    const ask = `exec 3<>/dev/tcp/${far}/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3`;
    assert.match(await run(1, `--rm --entrypoint bash ${image} -c "${ask}"`), /200 OK/);
  });

  it("previews no change, and none after a refresh", async () => {
    await cluster?.stack.pulumi("preview", "--expect-no-changes");
    await cluster?.stack.pulumi("preview", "--refresh", "--expect-no-changes");
  });

  it("is put right on both by ./deploy.sh after an update that was cut short", async () => {
    const stack = (cluster as TestCluster).stack;
    const unrecorded = `${prefix}-4-data`;
    virsh(second.uri, "vol-create-as", prefix, unrecorded, "64M", "--format", "qcow2");
    virsh(second.uri, "net-destroy", prefix);
    stack.write(".state/e2et.updating", JSON.stringify({ others: [] }));
    const said = await stack.deploy();
    assert.match(said, new RegExp(`removed unrecorded volume ${unrecorded}`));
    assert.match(said, new RegExp(`started ${prefix}`));
    assert.match(said, /pulumi up .*no changes/);
    assert.ok(!existsSync(second.folderOf(`${pool}/${unrecorded}`)));
    assert.deepEqual(objects(second.uri), [`${prefix}-2`, prefix, prefix]);
  });

  it("is destroyed on both, and nothing of it remains", async () => {
    await cluster?.stop();
    cluster = undefined;
    for (const uri of [here, second.uri]) assert.deepEqual(objects(uri), []);
    for (const folder of [pool, second.folderOf(pool)]) assert.ok(!existsSync(folder), folder);
    await second.stop();
    assert.ok(![...namespaces(), ...bridges()].includes(second.name));
  });
});
