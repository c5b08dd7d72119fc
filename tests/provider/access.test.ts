import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { payload } from "../../images/artifacts";
import * as access from "../../provider/access/access-provider";
import { databasePassword, databaseUser, fleetRegistry } from "../../provider/access/users";
import { type HttpMethod, requestJson } from "../../provider/clients/etcd-http";
import { etcdLacks } from "../../provider/cluster/health";
import { initialCluster, listMembers, memberOf, peerUrl, promote } from "../../provider/cluster/members";
import { Connection } from "../../provider/connection";
import { type Certificate, mintCertificate, type Subject } from "../../provider/credentials";
import { TestMembers } from "../support/members";

const secret = "/taiga/config/back/taiga_secret_key";
const unit = `/v2/keys${fleetRegistry}/unit/x`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Who may do what, asked of a real etcd that asks for users and grows from one member to three. */
describe("access to a real etcd", { timeout: 5 * 60_000 }, () => {
  const inputs = { users: "1", enrolled: ["today"] };
  const held = new Map<string, Certificate>();
  let members: TestMembers;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "taiga-access-"));
    members = await TestMembers.prepare(3, 96);
    members.start(members.machine(1), `m-1=${peerUrl(members.machine(1))}`, "new");
    await until(async () => (await etcdLacks(members.connection, members.machine(1))) === undefined);
    await members.connection.etcd.run((etcd) => etcd.put(secret).value("hunter2"));
    for (const name of ["machine", "flannel", "fleet", "m-1"]) await hand(name, { commonName: name });
    await hand("database", { commonName: "" });
    await hand("gateway", { commonName: "root", end: "server" });
    await access.configure({ config: members.config });
  });
  after(async () => {
    await Connection.fromConfig(members.config).close();
    await members?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const until = async (done: () => Promise<boolean>) => {
    while (!(await done())) await sleep(100);
  };

  async function hand(name: string, subject: Omit<Subject, "days"> & { days?: number }): Promise<void> {
    const { credentials } = members.connection;
    const made = await mintCertificate(credentials, { end: "client", days: 1, ...subject });
    held.set(name, made);
    writeFileSync(join(folder, "ca"), credentials.caCertificate);
    writeFileSync(join(folder, `${name}.crt`), made.certificate);
    writeFileSync(join(folder, `${name}.key`), made.key, { mode: 0o600 });
  }

  /** What etcdctl says with somebody's certificate, be it an error. */
  const etcdctl = (name: string, args: readonly string[], member = 1): Promise<string> =>
    new Promise((resolve) => {
      const by = ["--cacert=ca", `--cert=${name}.crt`, `--key=${name}.key`];
      execFile(
        join(payload().tree, "bin/etcdctl"),
        [`--endpoints=https://${members.machine(member).address}:2379`, ...by, ...args],
        {
          cwd: folder,
          env: { ETCDCTL_API: "3", ETCDCTL_DIAL_TIMEOUT: "30s", ETCDCTL_COMMAND_TIMEOUT: "60s" },
        },
        (_, stdout, stderr) => resolve(stdout + stderr),
      );
    });

  /** A request over HTTP with somebody's certificate. */
  const ask = (
    name: string,
    method: HttpMethod,
    path: string,
    {
      member = 1,
      body,
      headers = {},
    }: { member?: number; body?: unknown; headers?: Record<string, string> } = {},
  ) =>
    requestJson(
      new URL(path, `https://${members.machine(member).address}:2379`),
      { ca: members.connection.credentials.caCertificate, ...(held.get(name) as Certificate) },
      { method, body, headers },
    );

  /** Whether the members' own port takes somebody's certificate. */
  const isPeer = (name: string): Promise<boolean> =>
    new Promise((resolve) => {
      const { certificate: cert, key } = held.get(name) as Certificate;
      const { credentials } = members.connection;
      const socket = connect({
        host: members.machine(1).address,
        port: 2380,
        servername: "localhost",
        ca: credentials.caCertificate,
        cert,
        key,
      });
      // A refusal comes after the handshake (TLS 1.3): it is an answer to a request that tells.
      socket
        .once("secureConnect", () => socket.write("GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        .once("data", () => {
          resolve(true);
          socket.destroy();
        })
        .once("error", () => resolve(false))
        .once("close", () => resolve(false));
    });

  /** Patroni's way: the gateway, by a certificate without a name, and a token. */
  const patroni = async (path: string, body: unknown, member = 1) => {
    const login = { name: databaseUser, password: databasePassword(members.connection.credentials) };
    const { status, body: said } = await ask("database", "POST", "/v3/auth/authenticate", {
      member,
      body: login,
    });
    assert.equal(status, 200);
    const { token } = said as { token: string };
    return ask("database", "POST", path, { member, body, headers: { authorization: token } });
  };

  const denied = /permission denied|user name is empty|user name not found|auth: user not found/;

  it("is open to every certificate before users are asked for, and the provider sees that", async () => {
    assert.match(await etcdctl("m-1", ["get", secret]), /hunter2/);
    assert.equal((await ask("m-1", "PUT", `${unit}?value=open`)).status, 201);
    assert.deepEqual(await access.read("access", inputs), {});
  });

  it("is brought in while it runs, again without a change, and by a run that was cut off", async () => {
    await access.create(inputs);
    assert.deepEqual(await access.read("access", inputs), { id: "access", props: inputs });
    const { auth } = await members.connection.etcd.client();
    const { authRevision } = await auth.authStatus();
    await access.create(inputs);
    assert.equal((await auth.authStatus()).authRevision, authRevision);
    await auth.userDelete({ name: "flannel" });
    await auth.userChangePassword({ name: databaseUser, password: "another" });
    await auth.roleGrantPermission({
      name: databaseUser,
      perm: { permType: "Read", key: Buffer.from("/taiga/"), range_end: Buffer.from("/taiga0") },
    });
    await access.update("access", inputs, inputs);
    assert.match(
      await etcdctl("flannel", ["get", "--prefix", "/coreos.com/network/", "-w", "json"]),
      /"header"/,
    );
    assert.equal(((await auth.roleGet({ role: databaseUser })).perm ?? []).length, 1);
  });

  it("is refused to a certificate that is no user's, in everything, by both APIs", async () => {
    for (const name of ["m-1", "fleet"])
      for (const asked of [
        ["get", secret],
        ["get", "--prefix", "/"],
        ["put", secret, "mine"],
        ["del", secret],
        ["watch", "--prefix", "/taiga/"],
        ["member", "add", "x", "--peer-urls=https://127.0.96.9:2380"],
        ["user", "add", "x", "--no-password"],
        ["auth", "disable"],
        ["snapshot", "save", "x"],
      ])
        assert.match(await etcdctl(name, asked), denied, `${name}: ${asked.join(" ")}`);
    for (const name of ["m-1", "machine", "flannel"]) {
      assert.equal((await ask(name, "GET", unit)).status, 401, name);
      assert.equal((await ask(name, "GET", "/v2/keys/?recursive=true")).status, 401, name);
      assert.equal((await ask(name, "PUT", `${unit}?value=mine`)).status, 401, name);
      assert.equal((await ask(name, "DELETE", `${unit}`)).status, 401, name);
      assert.equal((await ask(name, "PUT", "/v2/auth/enable")).status, 401, name);
      assert.equal((await ask(name, "DELETE", "/v2/auth/enable")).status, 401, name);
      assert.equal((await ask(name, "DELETE", "/v2/members/1")).status, 401, name);
    }
  });

  it("leaves a machine's root all keys, and neither members nor users", async () => {
    assert.match(await etcdctl("machine", ["get", secret]), /hunter2/);
    assert.match(await etcdctl("machine", ["put", "/own/key", "mine"]), /OK/);
    assert.match(await etcdctl("machine", ["member", "list"]), /started, m-1/);
    assert.match(await etcdctl("machine", ["endpoint", "health"]), /is healthy/);
    assert.match(await etcdctl("machine", ["endpoint", "status"]), /127\.0\.96\.1/);
    assert.match(await etcdctl("machine", ["user", "add", "x", "--no-password"]), denied);
    assert.match(await etcdctl("machine", ["member", "remove", "1"]), denied);
  });

  it("leaves flannel its subnets and fleet its registry", async () => {
    const subnet = "/coreos.com/network/subnets/10.1.1.0-24";
    assert.match(await etcdctl("flannel", ["put", subnet, "mine"]), /OK/);
    assert.match(await etcdctl("flannel", ["get", secret]), denied);
    assert.match(await etcdctl("flannel", ["put", "/taiga/x", "mine"]), denied);
    assert.equal((await ask("fleet", "PUT", `${unit}?value=fleets`)).status, 200);
    assert.equal((await ask("fleet", "GET", `/v2/keys${fleetRegistry}/?recursive=true`)).status, 200);
    assert.equal((await ask("fleet", "GET", "/v2/keys/")).status, 401);
    assert.equal((await ask("fleet", "PUT", "/v2/keys/other?value=x")).status, 401);
    assert.equal(
      (await ask("fleet", "PUT", "/v2/auth/users/x", { body: { user: "x", password: "x" } })).status,
      401,
    );
  });

  it("leaves the database its own keys, by its password, and opens nothing by what it has without", async () => {
    const put = (key: string) => ({ key: base64(key), value: base64("mine") });
    assert.equal((await patroni("/v3/kv/put", put("/service/taiga/leader"))).status, 200);
    assert.equal((await patroni("/v3/kv/range", { key: base64("/service/taiga/leader") })).status, 200);
    for (const [path, body] of [
      ["/v3/kv/range", { key: base64(secret) }],
      ["/v3/kv/range", { key: base64("/"), range_end: base64("0") }],
      ["/v3/kv/put", put(secret)],
      ["/v3/kv/put", put("/service/other/leader")],
      ["/v3/cluster/member/remove", { ID: "1" }],
      ["/v3/auth/disable", {}],
      ["/v3/lock/lock", { name: base64("/taiga/locks/beat") }],
    ] as const) {
      const { status, body: said } = await patroni(path, body);
      assert.notEqual(status, 200, path);
      assert.match(JSON.stringify(said), denied, path);
      for (const headers of [{}, { accept: "application/json" }] as Record<string, string>[]) {
        const { status: without } = await ask("database", "POST", path, { body, headers });
        assert.notEqual(without, 200, `${path}, without a token`);
      }
    }
    // etcd breaks the connection to a certificate without a name, or refuses it.
    for (const method of ["GET", "PUT"] as const) {
      const { status } = await ask("database", method, `${unit}?value=mine`).catch(() => ({ status: 0 }));
      assert.ok(status === 401 || status === 0, `${method}: ${status}`);
    }
    assert.equal((await ask("m-1", "POST", "/v3/kv/range", { body: { key: base64(secret) } })).status, 400);
  });

  it("is refused to a gateway's certificate, whatever its name, and the members' own port to all clients", async () => {
    await assert.rejects(ask("gateway", "GET", "/version"), /certificate|closed|reset|hang up/i);
    await hand("member", { commonName: "m-1" });
    held.set(
      "member",
      await mintCertificate(members.connection.credentials, {
        commonName: "m-1",
        addresses: ["127.0.96.1"],
        days: 1,
      }),
    );
    assert.equal(await isPeer("member"), true);
    for (const name of ["gateway", "database", "machine", "m-1"])
      assert.equal(await isPeer(name), false, name);
  });

  it("is refused to a certificate that has ended, whoever it names", async () => {
    for (const name of ["machine", "m-1", "root"]) {
      await hand("good", { commonName: name });
      assert.equal((await ask("good", "GET", "/version")).status, 200, name);
      await hand("ended", { commonName: name, days: -0.5 });
      await assert.rejects(ask("ended", "GET", "/version"), /expired|closed|reset|hang up/i, name);
    }
  });

  it("goes with the cluster as it grows, and outlives a restart of all of it", async () => {
    for (const index of [2, 3]) {
      const machine = members.machine(index);
      await until(async () => {
        const etcd = await members.connection.etcd.member(members.machine(1));
        return etcd.cluster
          .memberAdd({ peerURLs: [peerUrl(machine)], isLearner: true })
          .then(
            () => true,
            () => listMembers(members.connection).then((all) => memberOf(all, machine) !== undefined), // its answer was lost
          )
          .catch(() => false)
          .finally(() => etcd.close());
      });
      const cluster = initialCluster(await listMembers(members.connection), members.connection.machines);
      members.start(machine, cluster, "existing");
      await until(async () => (await promote(members.connection, machine)) === undefined);
      await until(async () => (await etcdLacks(members.connection, machine)) === undefined);
    }
    const holds = async (member: number) => {
      assert.match(await etcdctl("m-1", ["get", secret], member), denied);
      assert.match(await etcdctl("machine", ["get", secret], member), /hunter2/);
      assert.equal((await ask("m-1", "PUT", `${unit}?value=mine`, { member })).status, 401);
      assert.equal((await ask("fleet", "PUT", `${unit}?value=fleets`, { member })).status, 200);
      const range = { key: base64("/service/taiga/leader") };
      assert.equal((await patroni("/v3/kv/range", range, member)).status, 200);
      assert.equal((await patroni("/v3/kv/range", { key: base64(secret) }, member)).status, 403);
    };
    for (const member of [1, 2, 3]) await holds(member);
    const cluster = initialCluster(await listMembers(members.connection), members.connection.machines);
    for (const index of [1, 2, 3]) await members.ended(members.machine(index), true);
    for (const index of [1, 2, 3]) members.start(members.machine(index), cluster, "existing");
    for (const index of [1, 2, 3])
      await until(async () => (await etcdLacks(members.connection, members.machine(index))) === undefined);
    for (const member of [1, 2, 3]) await holds(member);
    await access.create(inputs);
  });
});
