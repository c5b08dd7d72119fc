import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Client } from "../support/client";
import { attachments, uploadOf } from "../support/ledger-kinds";
import { superuser } from "../support/psql-session";
import { type Outputs, TestStack } from "../support/stack";

/**
 * A cluster of container machines that is backed up, destroyed, and brought back from the file, at last with another database; and
 * its first user. Name and user of the database are words of SQL's own.
 */
const password = "correct horse";
const stack = new TestStack("e2eb", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": process.env.E2E_NETWORK ?? "10.105.0.0/24",
  "taiga:containers": process.env.E2E_CONTAINERS ?? "10.205.0.0/16",
  "taiga:features": { telemetry: true },
  "taiga:admin": { username: "ada", email: "ada@example.org" },
  "taiga:database": { name: "order", user: "select" },
});
const file = join(stack.directory, "e2eb.age");

let outputs: Outputs;
let client: Client;
let token: string;

const logIn = (secret: string) =>
  client.ask("/api/v1/auth", { method: "POST", body: { type: "normal", username: "ada", password: secret } });

const write = (subject: string) =>
  client.json<{ id: number }>("/api/v1/userstories", { method: "POST", body: { subject } });

const subjects = async () =>
  (await client.json<{ subject: string }[]>("/api/v1/userstories")).map(({ subject }) => subject);

/** What every gateway says of an uploaded file, whose reader has a token of the stack's secret key. */
async function media(path: string): Promise<string[]> {
  const secretKey = (
    await stack.ssh("1", "sudo etcdctl get --print-value-only /taiga/config/protected/secret_key")
  ).trim();
  const seconds = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", secretKey).update(`${path}:${seconds}`).digest("hex");
  return Promise.all(
    outputs.machines.map(async ({ address }) => {
      const own = new Client(outputs, `https://${address}/`, { keepAlive: false });
      const { status, text } = await own.ask(`/media/${path}?token=${seconds}:${signature}`);
      return status === 200 ? text : String(status);
    }),
  );
}

const upload = (path: string, text: string) =>
  stack.ssh("1", `sudo install -D /dev/stdin /run/taiga/media/tree/${path} <<<'${text}'`);

/** The users who own tables of a database. */
const owners = async (database: string): Promise<string[]> => {
  const sql = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'";
  const said = await stack.ssh(
    "1",
    `sudo docker exec -u postgres taiga-db ${superuser} -d ${database} -c "${sql}"`,
  );
  return said.trim().split("\n");
};

const restore = (from: string, ...options: string[]) =>
  stack.run("npm", ["run", "--silent", "restore", "--", ...options, from]);

async function connect(): Promise<void> {
  client?.close();
  outputs = await stack.outputs();
  client = new Client(outputs, outputs.url);
}

describe("a cluster's backup", { timeout: 20 * 60_000 }, () => {
  before(async () => {
    await stack.run("npm", ["run", "--silent", "credentials", "--", "e2eb"]);
    await stack.loadEnvironment();
    await stack.pulumi("config", "set", "--secret", "--path", "taiga:admin.password", password);
    await stack.deploy();
    await connect();
  });

  after(async () => {
    client?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  it("is of a Taiga whose first user logs in with the configured password, and with no other", async () => {
    const answer = await logIn(password);
    assert.equal(answer.status, 200, answer.text);
    token = (JSON.parse(answer.text) as { auth_token: string }).auth_token;
    const wrong = await logIn("incorrect horse");
    assert.equal(wrong.status, 400);
    assert.match(wrong.text, /does not matches/);
    const me = await client.ask("/api/v1/users/me");
    assert.equal(me.status, 401, "nobody without a token");
  });

  it("keeps the password out of the state, of units, of containers and of what is left on a machine", async () => {
    assert.doesNotMatch(await stack.pulumi("stack", "export"), new RegExp(password));
    for (const { name } of outputs.machines) {
      const seen = await stack.ssh(
        name,
        "sudo docker inspect $(sudo docker ps -q); ps -efww; fleetctl cat taiga-back@1.service; sudo ls /run/taiga; sudo journalctl -b --no-pager",
      );
      assert.doesNotMatch(seen, new RegExp(password), name);
      assert.doesNotMatch(seen, /first-user\.env/, name);
    }
  });

  it("is made while Taiga runs, is one file, its owner's alone, and shows no secret", async () => {
    for (const number of [1, 2, 3]) await write(`before ${number}`);
    await upload("project/kept.txt", "kept");
    await stack.ssh("1", "sudo etcdctl put /own/key mine");
    await stack.run("npm", ["run", "--silent", "backup", "--", "--stack", "e2eb", file]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const bytes = readFileSync(file);
    assert.equal(bytes.toString("latin1", 0, 21), "age-encryption.org/v1");
    assert.ok(!bytes.includes(password) && !bytes.includes("before 1"));
  });

  it("is refused when it was changed or cut off, and nothing is changed then", async () => {
    await write("after");
    const [changed, cut, foreign] = ["changed.age", "cut.age", "foreign.age"].map((name) =>
      join(stack.directory, name),
    );
    copyFileSync(file, changed as string);
    const bytes = readFileSync(file);
    bytes[bytes.length - 5000] = (bytes[bytes.length - 5000] as number) ^ 1;
    writeFileSync(changed as string, bytes);
    copyFileSync(file, cut as string);
    truncateSync(cut as string, statSync(file).size - 100);
    writeFileSync(foreign as string, "PK not a backup");
    const config = readFileSync(join(stack.directory, "Pulumi.e2eb.yaml"), "utf8");
    for (const [bad, why] of [
      [changed, /damaged/],
      [cut, /damaged, or its end is missing/],
      [foreign, /is no backup/],
    ] as const)
      await assert.rejects(
        restore(bad as string),
        (error: Error) => why.test(error.message) && /Nothing was changed/.test(error.message),
      );
    assert.deepEqual(await subjects(), ["before 1", "before 2", "before 3", "after"]);
    assert.equal(readFileSync(join(stack.directory, "Pulumi.e2eb.yaml"), "utf8"), config);
  });

  it("brings a destroyed cluster back: rows, media, configuration, keys of the user's own, and who is logged in", async () => {
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    await stack.pulumi("config", "set", "--path", "taiga:features.telemetry", "false");
    await restore(file);
    await connect();
    assert.deepEqual(await subjects(), ["before 1", "before 2", "before 3"]);
    assert.deepEqual(await media("project/kept.txt"), ["kept\n", "kept\n", "kept\n"]);
    assert.equal((await client.ask(attachments, { method: "POST", body: uploadOf("again") })).status, 201);
    const { features } = await client.json<{ features: Record<string, boolean> }>("/api/v1/rehearsal");
    assert.equal(features.ENABLE_TELEMETRY, true);
    assert.equal(await stack.ssh("1", "sudo etcdctl get --print-value-only /own/key"), "mine\n");
    assert.equal((await logIn(password)).status, 200);
    const me = await client.ask("/api/v1/users/me", { headers: { authorization: `Bearer ${token}` } });
    assert.equal(me.status, 200, "a token of before, since the secret key is the same");
    await write("goes on");
  });

  it("is put over a cluster that runs, as often as one likes", async () => {
    await upload("project/later.txt", "later");
    await restore(file);
    assert.deepEqual(await subjects(), ["before 1", "before 2", "before 3"]);
    assert.deepEqual(
      await media("project/later.txt"),
      ["404", "404", "404"],
      "what was not in the backup is gone",
    );
    await stack.pulumi("preview", "--expect-no-changes");
  });

  it("becomes a smaller cluster with another database, which no update makes of what is there", async () => {
    assert.deepEqual(await owners("order"), ["select"]);
    await stack.pulumi("config", "set", "--path", "taiga:machines.count", "1");
    await stack.pulumi("config", "set", "--path", "taiga:database.name", "projects");
    await stack.pulumi("config", "set", "--path", "taiga:database.user", "keeper");
    await assert.rejects(stack.pulumi("preview"), (error: Error) => {
      assert.match(error.message, /npm run restore -- --keep-machines/);
      assert.match(error.message, /taiga:database\.name: "projects" .*"order".*npm run backup/s);
      assert.match(error.message, /taiga:database\.user: "keeper" .*"select"/s);
      return true;
    });
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    await restore(file, "--keep-machines");
    await connect();
    assert.equal(outputs.machines.length, 1);
    assert.deepEqual(await owners("projects"), ["keeper"], "whoever owned them where the backup is from");
    assert.deepEqual(await subjects(), ["before 1", "before 2", "before 3"]);
    assert.deepEqual(await media("project/kept.txt"), ["kept\n"]);
    assert.equal((await logIn(password)).status, 200);
  });
});
