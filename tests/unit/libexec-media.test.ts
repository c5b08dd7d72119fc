import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

let machine: Libexec;
afterEach(() => machine.remove());

const members = "10.9.0.11 10.9.0.12 10.9.0.13";
/** A stand-in for etcdctl: the members of the configuration, who has joined, and what members announce. */
const knowing = (joined: readonly string[], announced: readonly string[] = []): void => {
  machine = new Libexec({ "/dev/fuse": "/dev/null", "sleep 6": ":" });
  machine.write("/joined", joined.map((address) => `/taiga/media/joined/${address}\n\n`).join(""));
  machine.write("/announced", announced.map((line) => `${line}\n`).join(""));
  machine.program(
    "etcdctl",
    `case "$*" in
      *config*) printf '/taiga/config/media/members\\n${members}\\n' ;;
      *joined/) cat "$ROOT/joined" ;;
      *services/media/) cat "$ROOT/announced" ;;
    esac`,
  );
};
const beginning = (): Record<string, string> => {
  const { code, stderr } = machine.run(
    "media-members",
    "taiga-media@1.service",
    `${machine.root}/data`,
    `${machine.root}/media.env`,
  );
  assert.equal(code, 0, stderr);
  return Object.fromEntries(
    machine
      .read("/media.env")
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
};

describe("a member of the media's storage", () => {
  it("begins empty with the others of a new cluster", () => {
    knowing(["10.9.0.12"]);
    assert.deepEqual(beginning(), { MEDIA_MEMBERS: members, MEDIA_EMPTY: "" });
  });

  it("has lost its files when it had joined and its data does not say so", () => {
    knowing(["10.9.0.11", "10.9.0.12"]);
    assert.equal(beginning().MEDIA_EMPTY, "yes");
  });

  it("lacks all files when the others had joined without it", () => {
    knowing(["10.9.0.12", "10.9.0.13"]);
    assert.equal(beginning().MEDIA_EMPTY, "yes");
  });

  it("takes no other's address that begins like its own for it", () => {
    knowing(["10.9.0.111"]);
    assert.equal(beginning().MEDIA_EMPTY, "");
  });

  it("goes on with its files", () => {
    knowing(["10.9.0.11", "10.9.0.12", "10.9.0.13"]);
    machine.write("/data/joined", "");
    assert.equal(beginning().MEDIA_EMPTY, "");
  });
});

describe("a member that has begun", () => {
  const waiting = (...counts: readonly number[]) =>
    counts.map((count, index) => `{"machine":"m-${index + 1}","waiting":${count}}`);
  const joined = (...announced: readonly string[]) => {
    knowing([], announced);
    machine.write("/opt/taiga/libexec/await-port", "#!/bin/sh\n");
    machine.write("/media.env", `MEDIA_MEMBERS=${members}\nMEDIA_EMPTY=\n`);
    machine.write("/data/.keep", "");
    // The process that is waited for ends with the third look.
    const text = machine.read("/opt/taiga/libexec/media-joined");
    machine.write(
      "/opt/taiga/libexec/media-joined",
      text.replace('kill -0 "$MAINPID"', "[ $((looks += 1)) -le 3 ] || exit 1"),
    );
    const { code } = machine.run("media-joined", `${machine.root}/data`, `${machine.root}/media.env`);
    return { code, looks: machine.calls("etcdctl get --prefix --print-value-only").length };
  };

  it("has joined when nobody has anything to bring to another", () => {
    assert.equal(joined(...waiting(0, 0, 0)).looks, 1);
    assert.deepEqual(machine.calls("etcdctl put"), ["etcdctl put /taiga/media/joined/10.9.0.11 yes"]);
    assert.equal(machine.read("/data/joined"), "");
  });

  it("waits while another has something that is not everywhere yet", () => {
    assert.equal(joined(...waiting(0, 12, 0)).looks, 3);
    assert.deepEqual(machine.calls("etcdctl put"), []);
  });

  it("waits for nobody who is away", () => {
    assert.equal(joined(...waiting(5, 5)).looks, 1);
  });
});

describe("media of a machine's own, when there are members", () => {
  it("go along once no container writes there any more, those written meanwhile too", () => {
    machine = new Libexec({ "sleep 3": ":" });
    machine.write("/var/lib/data/media/first", "whole");
    machine.write("/run/taiga/media/tree/first", "wh");
    // The container is there at two looks, and writes before it goes.
    machine.write(
      "/opt/taiga/libexec/media-old-readers",
      `#!/bin/bash
      echo look >>"$ROOT/calls"
      [ "$(grep -c look "$ROOT/calls")" -gt 2 ] && exit
      echo late >"$ROOT/var/lib/data/media/late"
      echo "$1"`,
    );
    const { code, stderr } = machine.run("media-moved", "taiga-back@*.service");
    assert.equal(code, 0, stderr);
    assert.equal(machine.calls("look").length, 3);
    assert.equal(machine.read("/run/taiga/media/tree/first"), "whole");
    assert.equal(machine.read("/run/taiga/media/tree/late"), "late\n");
    assert.throws(() => machine.read("/var/lib/data/media/first"), /ENOENT/);
  });
});

describe("the containers that have the media as they were mounted before", () => {
  it("are those of another mount and of one that died, and none that are still being made", () => {
    machine = new Libexec({ "sleep 2": ":" });
    const tree = `${machine.root}/run/taiga/media/tree`;
    machine.program(
      "systemctl",
      "printf '%s.service loaded\\n' taiga-back@1 taiga-async@1 taiga-async@2 taiga-back@2 taiga-back@3",
    );
    // Of async's first there is nothing but a name at two looks; its process still sees the machine's files at the third.
    machine.program(
      "docker",
      `case "$4 $(grep -c 'docker.*async-1' "$ROOT/calls")" in
        taiga-back-1*) echo 43 ;;
        "taiga-async-1 "[12]) echo 0 ;;
        "taiga-async-1 3") echo 41 ;;
        taiga-async-1*) echo 42 ;;
        taiga-async-2*) exit 1 ;;
        taiga-back-2*) echo 42 ;;
        taiga-back-3*) echo 44 ;;
      esac`,
    );
    machine.program(
      "stat",
      `case $3 in
        ${tree} | /proc/42/*/media) echo 7 ;;
        /proc/43/*/media) echo 5 ;;
        /proc/4[234]/root/taiga-back) echo 1 ;;
        *) exit 1 ;;
      esac`,
    );
    const { code, stdout, stderr } = machine.run(
      "media-old-readers",
      "taiga-back@*.service",
      "taiga-async@*.service",
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "taiga-back@1.service\ntaiga-back@3.service\n");
    assert.equal(machine.calls("docker").length, 8);
  });
});

describe("the announcement of a member", () => {
  it("counts what it has that another lacks, without the index's own file", () => {
    machine = new Libexec({ "until (: <": "until true || (: <", "sleep 5": "exit 0" });
    machine.program(
      "etcdctl",
      'case "$*" in *grant*) echo lease 5 granted ;; *keep-alive*) exec sleep 5 ;; esac',
    );
    const index = "/data/brick/files/.glusterfs/indices/xattrop";
    for (const name of ["xattrop-735dae21", "0aa28179", "11dd4a6f"]) machine.write(`${index}/${name}`, "");
    machine.run("announce-media", `${machine.root}/data`);
    assert.deepEqual(machine.calls("etcdctl put"), [
      'etcdctl put --lease=5 /taiga/services/media/m-1 {"address":"10.9.0.11","port":24009,"machine":"m-1","waiting":2}',
    ]);
  });
});
