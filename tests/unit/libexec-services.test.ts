import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Libexec } from "../support/libexec";
import { lives } from "../support/processes";

let machine: Libexec;
afterEach(() => machine.remove());

/** A stand-in for etcdctl that answers `get -w fields` and then shows what a watch does. */
const watching = (fields: string, events: string): void => {
  machine.write("/fields", `"ClusterID" : 1\n"Revision" : 41\n${fields}`);
  machine.write("/events", events);
  machine.program(
    "etcdctl",
    'case "$*" in *fields) cat "$ROOT/fields" ;; watch*) cat "$ROOT/events" && sleep 1 ;; esac',
  );
};
const announced = (key: string, value: string) =>
  `"Key" : "${key}"\n"CreateRevision" : 7\n"ModRevision" : 8\n"Value" : ${JSON.stringify(value)}\n"Lease" : 5\n`;
const at = (address: string, port: number) => `{"address":"${address}","port":${port},"machine":"m-2"}`;

describe("following a prefix", () => {
  it("tells what is there, then an empty line, then each change, from the next revision on", () => {
    machine = new Libexec();
    watching(announced("/s/a", at("1.2.3.4", 80)), "PUT\n/s/b\nx y\nDELETE\n/s/a\n\n");
    const { stdout, code } = machine.run("follow", "/s/");
    assert.equal(code, 0);
    assert.equal(stdout, `/s/a ${at("1.2.3.4", 80)}\n\n/s/b x y\n/s/a\n`);
    assert.match(machine.calls("etcdctl watch")[0] ?? "", /--rev 42 \/s\/$/);
  });

  it("fails when etcd does not answer", () => {
    machine = new Libexec();
    machine.program("etcdctl", "exit 1");
    assert.notEqual(machine.run("follow", "/s/").code, 0);
  });
});

describe("the gateway's list", () => {
  it("has the services' servers alone, is written once for many and said in etcd", () => {
    machine = new Libexec({ "sleep 0.5": ":" });
    watching(
      announced("/taiga/services/back/1", at("10.8.1.2", 8000)) +
        announced("/taiga/services/db/m-1", at("10.9.0.11", 5432)) +
        announced("/taiga/services/front/1", at("10.8.1.3", 80)) +
        announced("/taiga/services/gateway/m-1", at("10.8.1.4", 80)) +
        announced("/taiga/services/media/m-1", at("10.9.0.11", 24009)) +
        announced("/taiga/services/registry/m-1", at("10.9.0.11", 5443)),
      "",
    );
    machine.run("gateway-servers", join(machine.root, "run"));
    assert.deepEqual(machine.read("/run/servers").trim().split("\n").sort(), [
      "back 1 10.8.1.2 8000",
      "front 1 10.8.1.3 80",
    ]);
    const puts = machine.calls("etcdctl put");
    assert.equal(puts.length, 1);
    assert.match(puts[0] ?? "", /put \/taiga\/gateways\/m-1 -- /);
    for (const server of ["back/1=10.8.1.2:8000 ", "front/1=10.8.1.3:80 "])
      assert.ok(puts[0]?.includes(server), puts[0]);
  });

  it("loses a server whose announcement has gone, and ignores a database that changes", () => {
    machine = new Libexec({ "sleep 0.5": ":" });
    watching(
      announced("/taiga/services/back/1", at("10.8.1.2", 8000)),
      "DELETE\n/taiga/services/back/1\n\nPUT\n/taiga/services/db/m-1\n{}\n",
    );
    machine.run("gateway-servers", join(machine.root, "run"));
    assert.equal(machine.read("/run/servers"), "");
  });
});

describe("waiting for the database", () => {
  const db = (role: string) => `{"address":"10.9.0.11","port":5432,"machine":"m-1","role":"${role}"}`;
  const told = (there: string, change: string) => {
    machine = new Libexec();
    machine.write("/fields", `"Revision" : 41\n${announced("/taiga/services/db/m-1", there)}`);
    machine.write("/events", `PUT\n/taiga/services/db/m-1\n${change}\n`);
    machine.program(
      "etcdctl",
      `case "$*" in *fields) cat "$ROOT/fields" ;; watch*) echo $$ >"$ROOT/watch"; cat "$ROOT/events"; exec sleep 60 ;; esac`,
    );
  };

  const ambassador = (...answers: readonly string[]) => {
    answers.forEach((status, index) => {
      machine.write(`/stat${index}`, `db,FRONTEND,,OPEN,\ndb,db1,0,UP,\ndb,BACKEND,0,${status},1,\n`);
    });
    machine.program(
      "curl",
      'n=$(grep -c ^curl "$ROOT/calls"); cat "$ROOT/stat$((n - 1))"; [ "$*" = "-sN -m 10 --unix-socket $ROOT/run/taiga/ambassador/admin.sock telnet://haproxy" ]',
    );
  };

  it("ends when a leader is announced, and its watch with it", async () => {
    told(db("replica"), db("leader"));
    ambassador("UP");
    const began = Date.now();
    assert.equal(machine.run("await-database").code, 0);
    assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
    const watch = machine.read("/watch").trim();
    for (let tries = 0; lives(watch) && tries < 250; tries += 1) await sleep(20);
    assert.equal(lives(watch), false, "the watch goes on");
  });

  it("goes on until the ambassador has seen the leader, since it refuses who comes before", () => {
    told(db("leader"), db("leader"));
    ambassador("DOWN", "DOWN", "UP");
    machine.program("sleep", ":");
    assert.equal(machine.run("await-database").code, 0);
    assert.equal(machine.calls("curl").length, 3);
  });

  it("goes on while there are replicas alone, and asks again when the watch has ended", () => {
    told(db("replica"), db("replica"));
    machine.program(
      "etcdctl",
      'case "$*" in *fields) cat "$ROOT/fields" ;; watch*) cat "$ROOT/events" ;; esac',
    );
    machine.program("sleep", 'exec >/dev/null; [ ! -e "$ROOT/slept" ] || kill $PPID; touch "$ROOT/slept"');
    assert.notEqual(machine.run("await-database").code, 0);
    assert.equal(machine.calls("etcdctl watch").length, 2);
  });
});

describe("the ambassador's servers", () => {
  /** What HAProxy is told by a run: it has `states`, and does not answer at first. */
  const told = (...states: readonly string[]) => {
    const socket = join(machine.root, "run/admin.sock");
    machine.write("/state", `1\n# be_id be_name srv_id srv_name srv_addr\n${states.join("\n")}\n`);
    machine.program("sleep", ":");
    machine.program(
      "curl",
      `said=$(cat)
       [ "$(grep -c ^curl "$ROOT/calls")" -gt 1 ] || exit 28
       case $said in show*) cat "$ROOT/state" ;; *) [ -e "$ROOT/failed" ] || { : >"$ROOT/failed"; exit 28; }
       echo "$said" >>"$ROOT/said"; echo "IP changed" ;; esac`,
    );
    machine.run("ambassador-servers", socket, "db", "broker");
    return machine.read("/said").trim().split("\n");
  };
  const maintenance = 5;
  const state = (name: string, address: string, port: number, admin = 4) =>
    `2 ${name.slice(0, -1)} 1 ${name} ${address} 2 ${admin} 1 1 47 15 3 2 6 0 0 0 - ${port} - 0 8008 - - 8008`;
  const telling = (name: string, address: string, port: number) =>
    `set server ${name} addr ${address} port ${port}; set server ${name} state ready; set server ${name} health down`;

  it("are told to it with their health down, so that its own checks decide; other services' are not", () => {
    machine = new Libexec();
    watching(
      announced("/taiga/services/db/m-2", at("10.9.0.12", 5432)) +
        announced("/taiga/services/back/1", at("10.8.1.2", 8000)),
      "",
    );
    assert.deepEqual(told(state("db2", "127.0.0.1", 9, maintenance)), [telling("db/db2", "10.9.0.12", 5432)]);
  });

  it("that it has are left alone when who tells it begins anew: a leader would lose its connections", () => {
    machine = new Libexec();
    watching(
      announced("/taiga/services/db/m-1", at("10.9.0.11", 5432)) +
        announced("/taiga/services/db/m-2", at("10.9.0.12", 5432)) +
        announced("/taiga/services/broker/m-1", at("10.9.0.11", 5672)),
      `PUT\n/taiga/services/db/m-1\n${at("10.9.0.11", 5432)}\nPUT\n/taiga/services/broker/m-1\n${at("10.9.0.21", 5672)}\n`,
    );
    const states = [
      state("db1", "10.9.0.11", 5432),
      state("db2", "10.9.0.12", 5432, maintenance), // of whom it was told in part
      state("broker1", "10.9.0.11", 5672),
    ];
    assert.deepEqual(told(...states), [
      telling("db/db2", "10.9.0.12", 5432),
      telling("broker/broker1", "10.9.0.21", 5672),
    ]);
  });
});

describe("migrations", () => {
  const migrating = (get: string, put: string) => {
    machine = new Libexec({ "sleep 1": ":" });
    machine.write("/opt/taiga/libexec/await-database", "#!/bin/bash\n");
    machine.program("docker", '[ "$1 $2" != "image inspect" ] || echo sha256:0123456789abcdef');
    machine.program(
      "etcdctl",
      `case "$1" in get) ${get} ;; lock) shift 5; "$@" ;; put) n=$(grep -c "etcdctl put" "$ROOT/calls"); ${put} ;; esac`,
    );
    return machine.run("migrate", "taiga/back:1", "/env", "/bin/sh", "-c", "migrate").code;
  };
  const runs = () => machine.calls("docker run").length;

  it("run under a lock and are noted, by another try where etcd does not take it at once", () => {
    assert.equal(migrating(":", '[ "$n" -gt 2 ]'), 0);
    assert.equal(runs(), 1);
    const [, lock] = machine.calls("etcdctl");
    assert.match(lock ?? "", /^etcdctl lock --ttl 60 -- \/taiga\/locks\/migrations /);
    assert.equal(machine.calls("etcdctl put /taiga/migrations/0123456789ab ").length, 3);
  });

  it("fail where they could not be noted", () => {
    assert.notEqual(migrating(":", "exit 1"), 0);
  });

  it("that are done do not run again, nor do they where etcd does not say whether they are", () => {
    assert.equal(migrating("echo /taiga/migrations/0123456789ab", ":"), 0);
    assert.equal(runs(), 0);
    machine.remove();
    assert.notEqual(migrating("exit 1", ":"), 0);
    assert.equal(runs(), 0);
  });
});

describe("waiting for the migrations", () => {
  const waiting = (there: string, change: string) => {
    machine = new Libexec({ "sleep 5": "exit 1" });
    const key = "/taiga/migrations/0123456789ab";
    machine.program("docker", "echo sha256:0123456789abcdef");
    machine.write("/fields", `"Revision" : 41\n`);
    machine.write("/events", change && `PUT\n${key}\n${change}\n`);
    machine.program(
      "etcdctl",
      `case "$*" in
        "get --keys-only ${key}") echo "${there && key}" ;;
        "get --prefix ${key} -w fields") cat "$ROOT/fields" ;;
        "watch --prefix --rev 42 ${key}") cat "$ROOT/events" ;;
      esac`,
    );
    return machine.run("await-migration", "taiga/back:1");
  };

  it("ends when those of the image are noted, of which it is told by a watch", () => {
    const { code, stdout } = waiting("", "2026-01-01T00:00:00Z on m-2");
    assert.equal(code, 0);
    assert.match(stdout, /waiting until back has migrated the database for taiga\/back:1/);
  });

  it("goes on while they are not", () => {
    assert.equal(waiting("", "").code, 1);
  });

  it("is short where they were noted before", () => {
    assert.deepEqual(waiting("yes", ""), { code: 0, stdout: "", stderr: "" });
    assert.equal(machine.calls("etcdctl").length, 1);
  });
});

describe("waiting for the gateways", () => {
  const lists = (m1: string, m2: string) => {
    machine = new Libexec();
    machine.write(
      "/answer",
      `SUCCESS\n\n/taiga/services/gateway/m-1\n\n/taiga/services/gateway/m-2\n\n\n` +
        `/taiga/gateways/m-1\n${m1}\n/taiga/gateways/m-2\n${m2}\n/taiga/gateways/gone\n\n`,
    );
    machine.program("etcdctl", 'cat >"$ROOT/asked"; cat "$ROOT/answer"');
    machine.program("sleep", "/bin/sleep 2");
    machine.write("/run/taiga/announced/back-1", "7a back/1=10.8.1.2:8000\n");
  };
  const [one, two] = ["back/1=10.8.1.2:8000 ", "back/2=10.8.2.2:8000 front/1=10.8.1.3:80 "];

  for (const [what, m1, m2, holds] of [
    ["knows", one, one + two, true],
    ["knows", one, two, false],
    ["forgot", two, "", true],
    ["forgot", two, one, false],
    ["others", one + two, two, true],
    ["others", one + two, one, false],
    ["knows", "back/1=10.8.3.9:8000 ", one, false],
    ["forgot", "back/1=10.8.3.9:8000 ", two, true],
    ["others", "back/1=10.8.3.9:8000 ", two, true],
  ] as const) {
    it(`${holds ? "ends" : "goes on"}: ${what} back/1 of "${m1}" and "${m2}"`, () => {
      lists(m1, m2);
      const { code, stderr } = machine.run("gateways", what, "back/1", "2"); // of a clock that turns at whole seconds
      assert.equal(code, 0);
      assert.equal(/not true of the gateways on/.test(stderr), !holds, stderr);
      assert.equal(machine.calls("etcdctl").length, 1, "one call a look");
    });
  }
});

describe("a broker's beginning", () => {
  const begin = (answer: string) => {
    machine = new Libexec();
    machine.write("/data/left-over", "");
    machine.write("/answer", `SUCCESS\n\n${answer}`);
    machine.program("etcdctl", 'asked=$(cat); [[ $asked = version* ]] || cat "$ROOT/answer"');
    const result = machine.run("broker-peers", join(machine.root, "data"), join(machine.root, "env"));
    assert.equal(result.code, 0, result.stderr);
    assert.ok(!existsSync(join(machine.root, "data/left-over")));
    return machine.read("/env").trim().split("\n");
  };
  const node = (address: string) => `/taiga/services/broker/${address}\n${at(address, 5672)}\n`;

  it("is alone where it is the founder", () => {
    assert.deepEqual(begin("/taiga/broker/founder\n10.9.0.11\n"), ["BROKER_PEERS=", "BROKER_REJOINS="]);
  });

  it("joins those that are announced, but for its own earlier announcement", () => {
    const answer = `/taiga/broker/founder\nformed\n\n${node("10.9.0.12")}${node("10.9.0.11")}${node("10.9.0.13")}`;
    assert.deepEqual(begin(answer), ["BROKER_PEERS=10.9.0.12 10.9.0.13", "BROKER_REJOINS="]);
  });

  it("says when there was a node of its machine before", () => {
    const answer = `/taiga/broker/founder\nformed\n\n/taiga/broker/joined/10.9.0.11\nyes\n\n${node("10.9.0.12")}`;
    assert.deepEqual(begin(answer), ["BROKER_PEERS=10.9.0.12", "BROKER_REJOINS=yes"]);
  });

  it("begins again where etcd does not answer: the founder would wait for others, which wait for it", () => {
    machine = new Libexec();
    machine.write("/data/left-over", "");
    machine.program(
      "etcdctl",
      `asked=$(cat); [[ $asked = version* ]] || {
        [ -e "$ROOT/failed" ] || { : >"$ROOT/failed"; exit 1; }
        printf 'SUCCESS\\n\\n/taiga/broker/founder\\n10.9.0.11\\n'
      }`,
    );
    const run = () => machine.run("broker-peers", join(machine.root, "data"), join(machine.root, "env")).code;
    assert.deepEqual([run(), run()], [1, 0]);
    assert.equal(machine.calls("etcdctl watch").length, 0);
    assert.equal(machine.read("/env"), "BROKER_PEERS=\nBROKER_REJOINS=\n");
  });

  it("waits for another one's announcement where it is not the founder, by a watch and not by asking", () => {
    machine = new Libexec();
    machine.write("/data/left-over", "");
    machine.write("/before", "SUCCESS\n\n/taiga/broker/founder\n10.9.0.12\n");
    machine.write("/after", `SUCCESS\n\n/taiga/broker/founder\nformed\n\n${node("10.9.0.12")}`);
    machine.write("/told", ["10.9.0.11", "10.9.0.12"].map((address) => `PUT\n${node(address)}`).join(""));
    machine.program(
      "etcdctl",
      `case "$*" in
        txn) asked=$(cat); [[ $asked = version* ]] || cat "$ROOT/$([ -e "$ROOT/later" ] && echo after || echo before)" ;;
        "get --prefix /taiga/services/broker/"*) echo '"Revision" : 7' ;;
        watch*) : >"$ROOT/later"; cat "$ROOT/told"; /bin/sleep 20 ;;
      esac`,
    );
    const { code, stderr } = machine.run(
      "broker-peers",
      join(machine.root, "data"),
      join(machine.root, "env"),
    );
    assert.equal(code, 0, stderr);
    assert.equal(machine.read("/env"), "BROKER_PEERS=10.9.0.12\nBROKER_REJOINS=\n");
    assert.deepEqual(machine.calls("etcdctl watch"), [
      "etcdctl watch --prefix --rev 8 /taiga/services/broker/",
    ]);
    assert.equal(machine.calls("etcdctl txn").length, 3);
  });
});

describe("what runs on one machine at a time", () => {
  it("runs once its key is held, and is killed before the lease can end when the key cannot be kept", () => {
    machine = new Libexec({ "ttl=15 margin=4 every=5": "ttl=8 margin=4 every=1" });
    machine.program(
      "etcdctl",
      `case "$*" in
        "lease grant 8") echo "lease 7a granted with TTL(8s)" ;;
        txn*) printf '"Revision" : 12\\n"Succeeded" : true\\n' ;;
        *keep-alive*) sleep 9 ;;
      esac`,
    );
    machine.program(
      "docker",
      'read -r now _ </proc/uptime; echo "$now" >"$ROOT/killed"; kill "$(cat "$ROOT/pid")"',
    );
    const command = ["bash", "-c", 'echo $$ >"$ROOT/pid"; exec sleep 20'];
    const until = join(machine.root, "run/until");
    const { code, stdout } = machine.run("hold", "/lock", "box", until, ...command);
    assert.equal(code, 1);
    assert.match(stdout, /\/lock is this machine's, term 12[\s\S]*could not be kept/);
    assert.deepEqual(machine.calls("docker"), ["docker kill box"]);
    const [last, term] = machine.read("/run/until").trim().split(" ");
    assert.equal(term, "12");
    const killed = Number(machine.read("/killed"));
    assert.ok(killed < Number(last) + 4, `killed at ${killed}, was to end by ${last}, the lease 4 s later`);
  });

  it("waits while another holds the key, by a watch and not by asking", () => {
    machine = new Libexec();
    machine.program(
      "etcdctl",
      `case "$*" in
        "lease grant 15") echo "lease 7a granted with TTL(15s)" ;;
        txn*)
          if [ -e "$ROOT/free" ]; then printf '"Revision" : 13\\n"Succeeded" : true\\n'
          else printf '"Revision" : 12\\n"Succeeded" : false\\n'; fi ;;
        watch*) /bin/sleep 1; : >"$ROOT/free"; printf 'PUT\\n/lock\\nm-2\\nDELETE\\n/lock\\n\\n'; /bin/sleep 9 ;;
      esac`,
    );
    machine.program("docker", "");
    const { stdout } = machine.run("hold", "/lock", "box", join(machine.root, "run/until"), "true");
    assert.match(stdout, /term 13/);
    assert.deepEqual(machine.calls("etcdctl watch"), ["etcdctl watch --rev 13 /lock"]);
    assert.equal(machine.calls("etcdctl lease grant").length, 2);
  });

  it("keeps when its jobs last ran where that ends with its container, since another may have run them since", () => {
    machine = new Libexec();
    const unit = readFileSync(join(__dirname, "../../units/taiga-beat.service"), "utf8");
    const schedule = / beat .*-s (\S+)\/\w+$/m.exec(unit)?.[1];
    assert.ok(schedule);
    assert.ok(unit.includes(" --rm ") && unit.includes(` --tmpfs ${schedule}:`), unit);
    for (const [, mounted] of unit.matchAll(/ -v \S+?:([^\s:]+)/g))
      assert.ok(!`${schedule}/`.startsWith(`${mounted}/`), mounted);
  });
});

describe("what a sidekick announces", () => {
  const key = "/taiga/services/back/1";
  const own = '{"address":"127.0.0.1","port":PORT,"machine":"m-1"}';
  let server: Server;
  let port: number;
  /** A sidekick of a container of this host, and an etcdctl that renews its lease as often as there are lists of servers. */
  const announce = (lists: readonly string[]) => {
    machine = new Libexec();
    for (const [index, list] of lists.entries())
      machine.write(`/list-${index}`, list.replace("PORT", `${port}`));
    machine.write("/run/taiga/gateway/servers", "");
    machine.write("/opt/taiga/libexec/container", "find_address() { address=127.0.0.1; }\n");
    machine.program(
      "etcdctl",
      `case "$*" in
        "lease grant 30") echo "lease 7a granted with TTL(30s)" ;;
        *keep-alive*)
          for list in "$ROOT"/list-*; do
            cp "$list" "$ROOT/run/taiga/gateway/servers"
            echo "lease 7a keepalived with TTL(30)"
            /bin/sleep 0.3
          done ;;
      esac`,
    );
    const { code, stderr } = machine.run("announce", "back", "1", "taiga-back-1", `${port}`);
    assert.equal(code, 0, stderr);
    return machine.calls("etcdctl put");
  };
  const put = () => `etcdctl put --lease=7a ${key} ${own.replace("PORT", `${port}`)}`;

  before(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());

  it("hangs on a lease that goes with it", () => {
    assert.deepEqual(announce(["", "back 1 127.0.0.1 PORT\n"]), [put()]);
    assert.deepEqual(machine.calls("etcdctl lease revoke"), ["etcdctl lease revoke 7a"]);
    assert.equal(machine.read("/run/taiga/announced/back-1"), `7a back/1=127.0.0.1:${port}\n`);
  });

  it("is announced again when it was there and is no longer, as after a machine that was cut off withdrew its own", () => {
    const lists = ["back 1 127.0.0.1 PORT\n", "back 1 10.8.3.9 8000\n", "back 2 10.8.3.9 8000\n"];
    assert.deepEqual(announce(lists.slice(0, 2)), [put()], "another's is left alone");
    machine.remove();
    assert.deepEqual(announce(lists), [put(), put()]);
  });

  it("is withdrawn by the end of its lease, not by removing what is there under its name", () => {
    machine = new Libexec();
    machine.program("systemctl", "");
    machine.program("fleetctl", "echo taiga-back@1.service");
    machine.program("etcdctl", '[ "$1" != txn ] || printf "SUCCESS\\n\\n"');
    assert.equal(machine.run("withdraw", "back", "1", "taiga-back@1.service").code, 0);
    assert.deepEqual(machine.calls("etcdctl"), [], "nothing was announced");
    machine.write("/run/taiga/announced/back-1", "7a back/1=10.8.1.2:8000\n");
    assert.equal(machine.run("withdraw", "back", "1", "taiga-back@1.service").code, 0);
    assert.deepEqual(machine.calls("etcdctl"), ["etcdctl lease revoke 7a", "etcdctl txn"]);
  });
});

describe("a container's sidekick", () => {
  const note = (name: string, running: boolean, networks: string) =>
    `{"State":{"Running":${running},"Pid":7},"ID":"1","NetworkSettings":{"Networks":{${networks}}},"Name":"/${name}"}`;
  const bridge = (address: string) =>
    `"bridge":{"IPAMConfig":null,"IPAddress":"${address}","GlobalIPv6Address":""}`;
  const noted = (id: string, text: string) =>
    machine.write(`/var/lib/docker/containers/${id}/config.v2.json`, text);
  const find = (name: string) => {
    const source = '. "$ROOT/etc/taiga/machine.env"; . "$ROOT/opt/taiga/libexec/container"';
    machine.write("/opt/taiga/libexec/ask", `#!/bin/bash\n${source}\nfind_address "$1" && echo "$address"\n`);
    return machine.run("ask", name).stdout.trim();
  };

  it("finds its address once it runs, by the shell alone", () => {
    machine = new Libexec();
    machine.program("docker", "");
    assert.equal(find("taiga-back-1"), "");
    noted("a", note("taiga-back-12", true, bridge("10.8.7.3")));
    noted("b", note("taiga-back-1", false, bridge("")));
    assert.equal(find("taiga-back-1"), "");
    noted("b", note("taiga-back-1", true, bridge("10.8.7.2")));
    assert.equal(find("taiga-back-1"), "10.8.7.2");
    noted("c", note("taiga-broker", true, '"host":{"IPAddress":""}'));
    assert.equal(find("taiga-broker"), "10.9.0.11");
    assert.deepEqual(machine.calls("docker"), []);
  });

  it("has what is left of an earlier run removed, and asks Docker nothing when there is none", () => {
    machine = new Libexec();
    machine.program("docker", "");
    noted("a", note("taiga-back-1", false, bridge("")));
    assert.equal(machine.run("clear-container", "taiga-front-1").code, 0);
    assert.deepEqual(machine.calls("docker"), []);
    machine.run("clear-container", "taiga-back-1");
    assert.deepEqual(machine.calls("docker"), ["docker rm -f taiga-back-1"]);
  });
});
