import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

let machine: Libexec;
beforeEach(() => {
  machine = new Libexec();
  machine.write("/var/lib/data/etcd", "");
  // Free MiB, one line for each look; the last one is followed by the machine's end.
  machine.program("stat", 'read -r free <"$ROOT/free" || exit; sed -i 1d "$ROOT/free"; echo "$free 1048576"');
  machine.program("sleep", ":");
  machine.program("fallocate", 'touch "$3"');
  machine.program("systemctl", '[ ! -e "$ROOT/run/taiga/room/left" ] || echo "left" >>"$ROOT/calls"');
  machine.program("etcdctl", 'while [ "$1" != /taiga/locks/room ]; do shift; done; shift; "$@"');
});
afterEach(() => machine.remove());

const ballast = () => existsSync(join(machine.root, "var/lib/data/ballast"));
const keep = (...free: number[]) => {
  machine.write("/free", free.map((each) => `${each}\n`).join(""));
  return machine.run("room", "keep", "taiga-db@*.service").stdout;
};

describe("room on the data volume", () => {
  it("keeps a ballast file while there is room for it", () => {
    keep(1000);
    assert.ok(ballast());
    assert.deepEqual(machine.calls("systemctl"), []);
  });

  it("gives the ballast up when the volume is full; then the units leave, one machine at a time, until there is room", () => {
    const said = keep(1000, 20, 128, 128, 150, 400, 400);
    assert.match(
      said,
      /is full, the ballast is given up\n.*128 MiB left: taiga-db@.*leave.*until there are 320\n/,
    );
    assert.match(said, /has 400 MiB: .* may come back/);
    assert.equal(machine.calls("etcdctl lock").length, 1);
    assert.deepEqual(machine.calls("systemctl"), ["systemctl restart --no-block taiga-db@*.service"]);
    assert.deepEqual(machine.calls("left"), ["left"]);
    assert.ok(ballast());
  });

  it("lets a unit start only while it has not left", () => {
    assert.equal(machine.run("room").code, 0);
    machine.write("/run/taiga/room/left", "");
    const { code, stderr } = machine.run("room");
    assert.equal(code, 1);
    assert.match(stderr, /no room: this unit runs elsewhere until there is/);
  });

  it("sends nobody away who got room while another machine had the lock", () => {
    machine.program(
      "etcdctl",
      'echo 900 >"$ROOT/free"; while [ "$1" != /taiga/locks/room ]; do shift; done; shift; "$@"',
    );
    keep(100);
    assert.deepEqual(machine.calls("systemctl"), []);
  });
});
