import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

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
        announced("/taiga/services/gateway/m-1", at("10.8.1.4", 80)),
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

describe("waiting for the gateways", () => {
  const lists = (m1: string, m2: string) => {
    machine = new Libexec();
    machine.write(
      "/answer",
      `SUCCESS\n\n/taiga/services/gateway/m-1\n\n/taiga/services/gateway/m-2\n\n\n` +
        `/taiga/gateways/m-1\n${m1}\n/taiga/gateways/m-2\n${m2}\n/taiga/gateways/gone\n\n`,
    );
    machine.program("etcdctl", 'cat >"$ROOT/asked"; cat "$ROOT/answer"');
    machine.program("sleep", "/bin/sleep 1");
  };
  const [one, two] = ["back/1=10.8.1.2:8000 ", "back/2=10.8.2.2:8000 front/1=10.8.1.3:80 "];

  for (const [what, m1, m2, holds] of [
    ["knows", one, one + two, true],
    ["knows", one, two, false],
    ["forgot", two, "", true],
    ["forgot", two, one, false],
    ["others", one + two, two, true],
    ["others", one + two, one, false],
  ] as const) {
    it(`${holds ? "ends" : "goes on"}: ${what} back/1 of "${m1}" and "${m2}"`, () => {
      lists(m1, m2);
      const { code, stderr } = machine.run("gateways", what, "back/1", "1");
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
    machine.program(
      "etcdctl",
      'asked=$(cat); [[ $asked = version* ]] || { [ -e "$ROOT/again" ] && cat "$ROOT/later"; cat "$ROOT/answer"; }',
    );
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
