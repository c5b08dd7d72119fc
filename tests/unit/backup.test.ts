import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { pack } from "tar-stream";
import { ArchiveWriter, type Entry, readArchive } from "../../backup/archive";
import { checkOwner, isSame, pathText, takeApart, withOwn } from "../../backup/configuration";
import { keysToKeep, unitsToKeep } from "../../backup/control-plane";
import { beginRestore, dumpDatabase, swapDatabases } from "../../backup/database";
import { manifestOf, readManifest } from "../../backup/manifest";
import { mediaStream, TarNames } from "../../backup/media";
import { passphraseOf } from "../../backup/passphrase";
import { BadFile, seal, unseal } from "../../backup/sealed";

const folder = mkdtempSync(join(tmpdir(), "taiga-backup-"));
after(() => rmSync(folder, { recursive: true }));
/** The cost of guessing, which a test need not pay. */
const workFactor = 4;

async function* chunks(...all: Buffer[]) {
  yield* all;
}

/** A backup with two texts and two streams, as a file. */
async function make(name: string): Promise<string> {
  const archive = new ArchiveWriter();
  const bytes = buffer(await seal(archive.output, "a passphrase", workFactor));
  await archive.text("manifest", manifestOf("dev", "15.1"));
  const big = Buffer.alloc(9 * 2 ** 20, "rows");
  await archive.stream("database", chunks(big.subarray(0, 7_000_000), big.subarray(7_000_000)), () => {});
  await archive.stream("media", chunks(), () => {});
  await archive.finish();
  const file = join(folder, name);
  writeFileSync(file, await bytes);
  return file;
}

/** A backup of a cluster whose machines each have media of their own. */
async function makeOfSeveral(count: number): Promise<string> {
  const archive = new ArchiveWriter();
  const bytes = buffer(await seal(archive.output, "a passphrase", workFactor));
  for (let index = 0; index < count; index += 1)
    await archive.stream(mediaStream("media", index), chunks(Buffer.from(`tree ${index}`)), () => {});
  await archive.finish();
  const file = join(folder, "several");
  writeFileSync(file, await bytes);
  return file;
}

async function sealed(name: string, tar: ReturnType<typeof pack>): Promise<string> {
  const file = join(folder, name);
  const plain = Readable.from(tar, { objectMode: false });
  writeFileSync(file, await buffer(await seal(plain, "a passphrase", workFactor)));
  return file;
}

async function read(file: string, passphrase = "a passphrase"): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of readArchive(await unseal(file, passphrase))) entries.push(entry);
  return entries;
}

describe("a backup's file", () => {
  it("has the media of each machine where none has everybody's", async () => {
    const entries = await read(await makeOfSeveral(3));
    assert.deepEqual(
      entries.map((entry) => (entry.kind === "part" ? entry.data.toString() : entry.name)),
      ["tree 0", "tree 1", "tree 2"],
    );
  });

  it("gives back what was put in, a stream in parts", async () => {
    const entries = await read(await make("whole"));
    assert.deepEqual(
      entries.map((entry) => (entry.kind === "text" ? entry.name : `${entry.stream} ${entry.data.length}`)),
      ["manifest", "database 7000000", `database ${9 * 2 ** 20 - 7_000_000}`],
    );
    assert.equal(readManifest((entries[0] as { value: unknown }).value).stack, "dev");
  });

  it("is refused with another passphrase", async () => {
    await assert.rejects(
      read(await make("other"), "another"),
      /the passphrase is not the one it was made with/,
    );
  });

  it("is refused wherever one bit is another", async () => {
    const file = await make("flipped");
    const whole = readFileSync(file);
    for (const at of [0, 30, 200, 100_000, whole.length >> 1, whole.length - 1]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ 4;
      writeFileSync(file, bytes);
      await assert.rejects(read(file), BadFile, `byte ${at}`);
    }
  });

  it("is refused wherever it was cut off, also between two of its parts", async () => {
    const file = await make("cut");
    const whole = readFileSync(file);
    for (const length of [0, 10, 150, 250, 100_000, whole.length - 1]) {
      writeFileSync(file, whole.subarray(0, length));
      await assert.rejects(read(file), BadFile, `${length} bytes`);
    }
    const tar = pack();
    tar.entry({ name: "manifest.json" }, "{}");
    tar.finalize();
    await assert.rejects(read(await sealed("endless", tar)), /has no end/);
  });

  it("is refused where it is something else", async () => {
    const file = join(folder, "foreign");
    writeFileSync(file, Buffer.alloc(4096, "PK"));
    await assert.rejects(read(file), /is no backup/);
    await assert.rejects(read(join(folder, "absent")), /cannot be read/);
    const tar = pack();
    tar.entry({ name: "etc/passwd" }, "root");
    tar.finalize();
    await assert.rejects(read(await sealed("passwd", tar)), /"etc\/passwd", which no backup has/);
    assert.throws(() => readManifest({ format: "else", stack: "dev" }), /no backup of this project/);
    assert.throws(() => readManifest({ ...manifestOf("dev", "15"), version: 2 }), /is of version 2/);
  });
});

describe("a backup's passphrase", () => {
  const file = join(folder, "passphrase");
  it("is the given file's, else the stack's", () => {
    writeFileSync(file, "of the file\n");
    assert.equal(passphraseOf(file, { PULUMI_CONFIG_PASSPHRASE: "of the stack" }), "of the file");
    assert.equal(passphraseOf(undefined, { PULUMI_CONFIG_PASSPHRASE: "of the stack" }), "of the stack");
    assert.equal(passphraseOf(undefined, { PULUMI_CONFIG_PASSPHRASE_FILE: file }), "of the file");
  });
  it("must be there", () => {
    assert.throws(() => passphraseOf(undefined, {}), /--passphrase-file FILE/);
    writeFileSync(file, "\n");
    assert.throws(() => passphraseOf(file, {}), /is empty/);
    assert.throws(() => passphraseOf(join(folder, "absent"), {}), /cannot be read \(ENOENT\)/);
  });
});

describe("a stack's configuration in a backup", () => {
  const shown = {
    "taiga:credentials": { value: "root" },
    "taiga:email": { value: "{}", objectValue: { host: "m", password: "hidden" } },
  };
  const file = {
    "taiga:credentials": { secure: "v1:a" },
    "taiga:email": { host: "m", password: { secure: "v1:b" } },
    "taiga:network": "10.0.0.0/24",
  };
  const taken = takeApart(file, shown);

  it("has its secrets apart, by their path", () => {
    assert.deepEqual(taken.config, { "taiga:email": { host: "m" }, "taiga:network": "10.0.0.0/24" });
    assert.deepEqual(
      taken.secrets.map(({ path, value }) => [pathText(path), value]),
      [
        ["taiga:credentials", "root"],
        ["taiga:email.password", "hidden"],
      ],
    );
    assert.equal(pathText(["taiga:list", 0, 'a."b']), 'taiga:list[0]["a.\\"b"]');
  });

  it("is the same however it is encrypted, and another with another value", () => {
    const anew = { ...file, "taiga:credentials": { secure: "v1:z" } };
    assert.ok(isSame(taken, takeApart(anew, shown)));
    assert.ok(!isSame(taken, takeApart(anew, { ...shown, "taiga:credentials": { value: "else" } })));
  });

  it("is not put over another cluster's", () => {
    const other = takeApart(file, { ...shown, "taiga:credentials": { value: "else" } });
    assert.throws(() => checkOwner("dev", other, taken), /another cluster[\s\S]*Nothing was changed/);
    checkOwner("dev", taken, taken);
    checkOwner("dev", { config: {}, secrets: [] }, taken);
  });
});

describe("a restored configuration", () => {
  const secrets = [{ path: ["taiga:credentials"], value: "root" }];
  const held = {
    config: { "taiga:database": { name: "old" }, "taiga:machines": { count: 3 }, "taiga:entry": "10.0.0.5" },
    secrets,
  };
  const present = {
    config: { "taiga:database": { name: "new" }, "taiga:machines": { count: 1 }, "taiga:entry": "10.0.0.6" },
    secrets: [],
  };

  it("is the backup's but for the names of the database, which belong to the one that is there", () => {
    assert.deepEqual(withOwn(present, held, { keepMachines: false }), {
      config: { ...held.config, "taiga:database": { name: "new" } },
      secrets,
    });
    const { "taiga:database": _, ...unnamed } = held.config;
    const of = (config: object) => ({ config: { ...config }, secrets });
    assert.deepEqual(withOwn(of({}), held, { keepMachines: false }), of(unnamed));
  });

  it("keeps the machines too where it is told to", () => {
    assert.deepEqual(withOwn(present, held, { keepMachines: true }).config, {
      ...present.config,
      "taiga:entry": "10.0.0.5",
    });
  });
});

describe("a backup's way to the rows", () => {
  const leader = { name: "a-1", address: "10.0.0.1" };
  /** A cluster whose database and user are words of SQL's own; what it is told, with the input. */
  const cluster = (keys: Record<string, string>) => {
    const told: string[] = [];
    const get = (key: string) => ({ string: async () => keys[key] ?? null });
    const say = async (_: unknown, command: string, { input = "" } = {}) => {
      told.push(`${command}\n${input}`);
      return "";
    };
    const connection = {
      etcd: { run: async (ask: (client: object) => unknown) => ask({ get }) },
      ssh: { start: say, succeed: say, exec: say },
    };
    return { connection: connection as never, told };
  };
  const keys = {
    "/taiga/config/database/postgres_db": "order",
    "/taiga/config/database/postgres_user": "select",
  };

  it("is by the names that the cluster's own keys say", async () => {
    const { connection, told } = cluster(keys);
    await dumpDatabase(connection, leader);
    await beginRestore(connection, leader);
    await swapDatabases(connection, leader);
    const [dump, , , create, restore, swap, ...more] = told;
    assert.deepEqual(more, []);
    assert.match(dump ?? "", /pg_dump .*--dbname=order\n/);
    assert.match(create ?? "", /createdb .*--owner=select .*taiga_restoring\n/);
    assert.match(restore ?? "", /pg_restore .*--no-owner --role=select .*--dbname=taiga_restoring\n/);
    assert.match(swap ?? "", /ALTER DATABASE "order" RENAME TO taiga_replaced;/);
    assert.match(swap ?? "", /ALTER DATABASE taiga_restoring RENAME TO "order";/);
    assert.match(swap ?? "", /datname IN \('order', 'taiga_restoring'\)/);
    assert.doesNotMatch(told.join(), /taiga(?!-db\b|_restoring\b|_replaced\b)/, "no name of its own");
  });

  it("is none where no deploy has written them yet", async () => {
    const { connection, told } = cluster({});
    await assert.rejects(dumpDatabase(connection, leader), /etcd does not say .*\.\/deploy\.sh/);
    await assert.rejects(swapDatabases(connection, leader), /etcd does not say/);
    await assert.rejects(beginRestore(connection, leader), /etcd does not say/);
    assert.deepEqual(told, []);
  });
});

describe("what a backup keeps of etcd and fleet", () => {
  const deployment = {
    resources: [
      { type: "pulumi-nodejs:dynamic/etcd:Key", inputs: { key: "/taiga/config/back/a" } },
      { type: "pulumi-nodejs:dynamic/etcd:Prefix", inputs: { prefix: "/own", values: { "b/c": "1" } } },
      { type: "pulumi-nodejs:dynamic/fleet:Unit", inputs: { name: "taiga-back@1.service" } },
    ],
  };
  it("is what neither the program nor the running cluster makes", () => {
    const key = (name: string, leased = false) => ({ key: name, value: name, leased });
    const all = [
      "/taiga/config/back/a",
      "/own/b/c",
      "/own/d",
      "/taiga/broker/founder",
      "/taiga/media/joined/10.9.0.11",
      "/service/taiga/leader",
    ];
    const kept = keysToKeep(
      [
        ...all.map((name) => key(name)),
        key("/own/leased", true),
        key("/service/taiga/config"),
        key("/taiga/first-users/ada"),
      ],
      deployment,
    );
    assert.deepEqual(Object.keys(kept), ["/own/d", "/service/taiga/config", "/taiga/first-users/ada"]);
    const unit = (name: string) => ({ name, options: [], desiredState: "launched" as const, machineID: "m" });
    assert.deepEqual(unitsToKeep([unit("taiga-back@1.service"), unit("own.service")], deployment), [
      { name: "own.service", options: [], desiredState: "launched" },
    ]);
  });
});

it("a tar's files are known by their names, whatever these are", async () => {
  const tar = pack();
  const odd = "./a b/\nc";
  tar.entry({ name: "./a b/", type: "directory" });
  tar.entry({ name: odd }, "x".repeat(1000));
  tar.entry({ name: `./${"long/".repeat(60)}name` }, "");
  tar.finalize();
  const names = new TarNames();
  for await (const part of tar) await names.hear(part as Buffer);
  assert.deepEqual([...(await names.end())], [odd, `./${"long/".repeat(60)}name`]);
});
