import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

let machine: Libexec;
beforeEach(() => {
  machine = new Libexec();
  machine.write("/back.env", "POSTGRES_DB=taiga\nDJANGO_SUPERUSER_USERNAME=ada\n");
  machine.write("/etcd", "/taiga/config/admin/django_superuser_password\ncorrect horse\n");
  machine.program(
    "etcdctl",
    `case "$*" in
      "get --keys-only"*) [ ! -e "$ROOT/created" ] || echo yes ;;
      get*) cat "$ROOT/etcd" ;;
      lock*) shift 5; "$@" ;;
      put*) : >"$ROOT/created" ;;
    esac`,
  );
  docker("");
});
afterEach(() => machine.remove());

/** A docker whose container says something and ends as it is told to. */
const docker = (end: string) =>
  machine.program(
    "docker",
    `[ "$1" != run ] || { cat "$ROOT/run/taiga/first-user.env" >"$ROOT/seen"; stat -c %a "$ROOT/run/taiga/first-user.env" >>"$ROOT/seen"; ${end || ":"}; }`,
  );
const create = () => machine.run("first-user", "image", join(machine.root, "back.env"), "python3", "make.py");
const runs = () => machine.calls("docker run").length;

describe("the first user", () => {
  it("is created once, under the migrations' lock, with the password in a file of root's that is gone afterwards", () => {
    const { code, stderr } = create();
    assert.equal(code, 0, stderr);
    assert.equal(machine.calls("etcdctl lock --ttl 60 -- /taiga/locks/migrations").length, 1);
    assert.equal(machine.read("/seen"), "DJANGO_SUPERUSER_PASSWORD=correct horse\n600\n");
    assert.ok(!existsSync(join(machine.root, "run/taiga/first-user.env")));
    assert.equal(machine.calls().filter((call) => /horse/.test(call)).length, 0, "on no command line");
    assert.match(machine.calls("etcdctl put")[0] ?? "", /\/taiga\/first-users\/ada /);
    assert.equal(create().code, 0);
    assert.equal(runs(), 1);
  });

  it("is nobody where the settings name nobody, and nothing is asked then", () => {
    machine.write("/back.env", "POSTGRES_DB=taiga\n");
    assert.equal(create().code, 0);
    assert.deepEqual(machine.calls(), []);
  });

  it("is created though etcd answers late, and nobody is where it does not answer at all", () => {
    machine.program("sleep", ":");
    const etcd = machine.read("/bin/etcdctl");
    const silent = (calls: number) =>
      machine.write(
        "/bin/etcdctl",
        etcd.replace(
          'case "$*"',
          `[ "$(grep -c "keys-only" "$ROOT/calls")" -gt ${calls} ] || exit 1\ncase "$*"`,
        ),
      );
    silent(99);
    const { code, stderr } = create();
    assert.deepEqual([code, runs()], [1, 0]);
    assert.match(stderr, /etcd does not say whether \/taiga\/first-users\/ada is done/);
    machine.write("/calls", "");
    silent(2);
    assert.equal(create().code, 0);
    assert.equal(runs(), 1);
  });

  it("was created by a run that could not say so: that is as good", () => {
    docker('echo "CommandError: Error: That username is already taken."; exit 1');
    assert.equal(create().code, 0);
    assert.equal(machine.calls("etcdctl put").length, 1);
  });

  it("is tried again where it could not be created, and the reason is said", () => {
    docker('echo "no database"; exit 1');
    const { code, stderr } = create();
    assert.equal(code, 1);
    assert.match(stderr, /the first user, ada, was not created: no database/);
    assert.equal(machine.calls("etcdctl put").length, 0);
  });
});
