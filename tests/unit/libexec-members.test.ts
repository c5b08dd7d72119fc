import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

let machine: Libexec;
afterEach(() => machine.remove());

const etcd = (answer: string) => {
  machine = new Libexec({ "sleep 1": ":" });
  machine.write("/answer", answer);
  machine.program("etcdctl", 'cat "$ROOT/answer"');
  machine.program("docker", "exit $DOCKER");
};

describe("a member of the database that is to stop", () => {
  const stop = (keys: Record<string, string>, main = "1") => {
    etcd(
      Object.entries(keys)
        .map(([key, value]) => `/service/taiga/${key}\n${value}\n`)
        .join(""),
    );
    const { code, stderr } = machine.run("await-successor", { MAINPID: main }, "1");
    assert.equal(code, 0, stderr);
    return stderr;
  };
  const sync = (standby: string) => `{"leader":"m-1","sync_standby":${standby}}`;
  const [running, stopped] = ['{"state":"running","role":"replica"}', '{"state":"stopped","role":"replica"}'];

  it("waits while it leads and nobody that runs is in step", () => {
    const others = { "members/m-2": running, "members/m-3": stopped };
    assert.match(stop({ leader: "m-1", ...others, sync: sync("null") }), /none of m-2 may lead/);
    assert.match(stop({ leader: "m-1", ...others, sync: sync('"m-3"') }), /none of m-2 may lead/);
    assert.equal(stop({ leader: "m-1", ...others, sync: sync('"m-2"') }), "");
  });

  it("waits while there is no leader, or one that has stopped", () => {
    const others = { "members/m-1": running, "members/m-2": running, "members/m-3": stopped };
    assert.match(stop({ ...others, sync: sync('"m-1"') }), /may lead/);
    assert.match(stop({ leader: "m-3", ...others }), /may lead/);
    assert.equal(stop({ leader: "m-2", ...others }), "");
  });

  it("stops at once where it is alone, where etcd does not answer, and where it has ended by itself", () => {
    assert.equal(stop({ leader: "m-1", "members/m-1": running, sync: sync("null") }), "");
    assert.equal(stop({}), "");
    assert.equal(stop({ leader: "m-1", "members/m-2": running }, ""), "");
  });
});

describe("a node of the broker that is to stop", () => {
  const stop = (members: string, env: Record<string, string> = {}) => {
    etcd(members);
    machine.write("/data/joined", "");
    const { stdout } = machine.run("leave-broker", { MAINPID: "1", ...env }, join(machine.root, "data"));
    return { left: /left/.test(stdout), keeps: existsSync(join(machine.root, "data/joined")) };
  };

  it("leaves the cluster where it is to be no member any more, and begins anew if it ever starts again", () => {
    assert.deepEqual(stop("10.9.0.12 10.9.0.13\n"), { left: true, keeps: false });
    assert.match(
      machine.calls("docker").join(),
      /exec -u rabbitmq .*ERL_EPMD_ADDRESS=10\.9\.0\.11 taiga-broker/,
    );
    assert.match(machine.read("/calls"), /-extra 10\.9\.0\.11 10\.9\.0\.12 10\.9\.0\.13\n$/);
  });

  it("only stops where it stays one, where nobody says who is, and where it has ended by itself", () => {
    for (const members of ["10.9.0.12 10.9.0.11\n", ""]) {
      assert.deepEqual(stop(members), { left: false, keeps: true });
      assert.deepEqual(machine.calls("docker"), []);
    }
    assert.deepEqual(stop("10.9.0.12\n", { MAINPID: "" }), { left: false, keeps: true });
  });

  it("keeps what it has where the others do not let it go", () => {
    assert.deepEqual(stop("10.9.0.12\n", { DOCKER: "1" }), { left: false, keeps: true });
  });
});
