import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

const stored = `/taiga/config/back/taiga_secret_key
s=cret # as it is
/taiga/config/broker/rabbitmq_user
taiga
/taiga/config/database/postgres_db
taiga
/taiga/config/database-member/patroni_rewind-password
hidden
/taiga/config/email/email_host_user

/taiga/config/gateway/tls
-----BEGIN PRIVATE KEY-----
abc
-----END PRIVATE KEY-----
`;

let machine: Libexec;
beforeEach(() => {
  machine = new Libexec();
  machine.write("/etcd", stored);
  machine.program("etcdctl", '[ "$1" = get ] && cat "$ROOT/etcd"; exit 0');
});
afterEach(() => machine.remove());

describe("a unit's environment", () => {
  it("has the keys of its directories, and the ambassador's address for database and broker, by one call", () => {
    const { code, stderr } = machine.run(
      "environment",
      ...[
        "back-1",
        "-",
        "/taiga/config/database",
        "/taiga/config/broker",
        "/taiga/config/back",
        "/taiga/config/email",
      ],
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(machine.read("/run/taiga/back-1.env").trim().split("\n").sort(), [
      "EMAIL_HOST_USER=",
      "POSTGRES_DB=taiga",
      "POSTGRES_HOST=10.8.7.1",
      "POSTGRES_PORT=5432",
      "RABBITMQ_USER=taiga",
      "TAIGA_ASYNC_RABBITMQ_HOST=10.8.7.1",
      "TAIGA_EVENTS_RABBITMQ_HOST=10.8.7.1",
      "TAIGA_SECRET_KEY=s=cret # as it is",
    ]);
    assert.equal(machine.calls("etcdctl").length, 1);
  });

  it("is its owner's alone, and so is what is noted of it", () => {
    machine.run("environment", "db", "taiga-db.service", "/taiga/config/database");
    for (const path of ["run/taiga/db.env", "run/taiga/config"])
      assert.equal(statSync(join(machine.root, path)).mode & 0o077, 0, path);
  });

  it("is refused while etcd has nothing below one of its directories, by name", () => {
    const { code, stderr } = machine.run(
      "environment",
      "x",
      "-",
      "/taiga/config/database",
      "/taiga/config/data",
    );
    assert.notEqual(code, 0);
    assert.match(stderr, /nothing below \/taiga\/config\/data yet/);
  });
});

describe("the gateway's certificate file", () => {
  it("has all lines of the key and is its owner's alone", () => {
    const file = join(machine.root, "run/tls.pem");
    assert.equal(machine.run("gateway-certificate", "taiga-gateway.service", file).code, 0);
    assert.equal(
      machine.read("/run/tls.pem"),
      "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n",
    );
    assert.equal(statSync(file).mode & 0o077, 0);
  });
});

describe("changed configuration", () => {
  const back = "taiga-back@1.service";
  beforeEach(() => {
    machine.program("systemctl", '[ "$1" != is-active ] || shift; for unit; do echo active; done');
    machine.program("sleep", "");
    machine.run("environment", "back-1", back, "/taiga/config/database", "/taiga/config/back");
    machine.run("gateway-certificate", "taiga-gateway.service", join(machine.root, "run/tls.pem"));
  });
  const acted = () => machine.calls().filter((call) => /reload|lock/.test(call));

  it("is taken up by nobody while nothing has changed, at the price of two calls", () => {
    machine.write("/calls", "");
    machine.run("take-up-config");
    assert.deepEqual(acted(), []);
    assert.equal(machine.calls("etcdctl get").length, 1);
    assert.equal(machine.calls("systemctl").length, 1);
  });

  it("rolls the unit that has it, under its service's lock, and reloads the one that wants that", () => {
    machine.write(
      "/etcd",
      stored.replace("taiga\n/taiga/config/database-m", "other\n/taiga/config/database-m"),
    );
    machine.run("take-up-config");
    assert.equal(acted().length, 1);
    assert.match(
      acted()[0] ?? "",
      /lock --ttl 60 \/taiga\/locks\/roll\/taiga-back \S*\/roll taiga-back@1\.service/,
    );
    machine.write("/calls", "");
    machine.write("/etcd", stored.replace("abc", "def"));
    machine.run("take-up-config");
    assert.deepEqual(acted(), ["systemctl reload taiga-gateway.service"]);
  });

  it("waits for a unit that starts with what may be older", () => {
    machine.write("/etcd", stored.replace("s=cret", "fresh"));
    machine.program(
      "systemctl",
      'if [ -e "$ROOT/asked" ]; then echo active; else echo activating; fi; echo active; : >"$ROOT/asked"',
    );
    machine.run("take-up-config");
    assert.equal(machine.calls("systemctl is-active").length, 2);
    assert.match(acted().join(), /taiga-back@1/);
  });
});
