import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

const id = "0123456789abcdef0123456789abcdef";
const name = `127.0.0.1:5000/taiga/back:6.10.2-${id}`;
let machine: Libexec;

/** What Docker notes of its images. */
const noted = (...images: readonly (readonly [string, string])[]): string =>
  JSON.stringify({
    Repositories: { all: Object.fromEntries(images.map(([key, of]) => [key, `sha256:${of}`])) },
  });
const store = "/var/lib/docker/image/overlay2/repositories.json";

describe("an image on a machine", () => {
  beforeEach(() => {
    machine = new Libexec();
    machine.write(store, noted(["taiga/back:rehearsal", "99"]));
    machine.write(
      "/peers",
      '{"address":"10.9.0.12","port":5443,"machine":"m-2"}\n{"address":"10.9.0.13","port":5443,"machine":"m-3"}\n',
    );
    machine.program("etcdctl", 'cat "$ROOT/peers"');
    machine.program("curl", ":");
    machine.write("/pulled", noted([name, `${id}ff`]));
    machine.program("docker", `[ "$1" != pull ] || cp "$ROOT/pulled" "$ROOT${store}"`);
  });
  afterEach(() => machine.remove());

  it("of the payload is there, and nobody is asked", () => {
    assert.equal(machine.run("image", "taiga/back:rehearsal").code, 0);
    assert.deepEqual(machine.calls(), []);
    const { code, stderr } = machine.run("image", "taiga/back:1");
    assert.deepEqual([code, /taiga\/back:1 is not in this machine's payload/.test(stderr)], [1, true]);
  });

  it("of the registry is pulled once", () => {
    for (const _ of [1, 2]) assert.equal(machine.run("image", name).code, 0);
    assert.deepEqual(machine.calls("docker"), [`docker pull -q ${name}`]);
    assert.deepEqual(machine.calls("etcdctl"), []);
  });

  it("is refused when the registry has something else under its name", () => {
    machine.write("/pulled", noted([name, `ff${id}`]));
    const { code, stderr } = machine.run("image", name);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`is not the image whose digest begins with ${id}`));
    assert.deepEqual(machine.calls("docker").slice(1), [`docker rmi ${name}`]);
  });

  it("that the registry has lost is taken from the first machine that has it, by this machine's certificate", () => {
    machine.program("curl", 'case "$*" in *manifests/6.10.2*) exit 22 ;; esac');
    machine.program(
      "docker",
      `
      case "$*" in *docker://10.9.0.12*) exit 1 ;; esac
      [ "$1" != pull ] || cp "$ROOT/pulled" "$ROOT${store}"`,
    );
    assert.equal(machine.run("image", name).code, 0);
    const [first, second, ...rest] = machine.calls("docker");
    assert.match(first ?? "", / docker:\/\/10\.9\.0\.12:5443\/taiga\/back:6\.10\.2-/);
    assert.match(
      second ?? "",
      /pki\/images:\/pki:ro .*--src-cert-dir \/pki .* docker:\/\/10\.9\.0\.13:5443\/taiga\/back:\S+ docker:\/\/127\.0\.0\.1:5000\/taiga\/back:\S+$/,
    );
    assert.deepEqual(rest, [`docker pull -q ${name}`]);
  });
});

describe("the files of the API's pages", () => {
  it("are put beside those of the version before, which stay until they are written anew", () => {
    machine = new Libexec();
    machine.program(
      "docker",
      '[ "$1" != cp ] || { mkdir "$3/css" && echo new >"$3/css/a" && echo new >"$3/b"; }',
    );
    machine.write("/static/css/a", "old\n");
    machine.write("/static/css/old", "old\n");
    const { code, stderr } = machine.run("static", "taiga/back:2", `${machine.root}/static`);
    assert.equal(code, 0, stderr);
    const read = (path: string) => machine.read(`/static/${path}`);
    assert.deepEqual([read("css/a"), read("css/old"), read("b")], ["new\n", "old\n", "new\n"]);
    machine.remove();
  });
});

describe("live updates that have lost the broker", () => {
  /** `look` is how a look at the container's connections goes: a line of /proc/PID/net/tcp. */
  const watch = (connections: string): string[] => {
    machine = new Libexec({ "/proc/": "$ROOT/proc/", "while sleep $every": "for _ in 1 2 3 4" });
    machine.write(
      "/var/lib/docker/containers/c/config.v2.json",
      '{"State":{"Running":true,"Pid":7},"Name":"/taiga-events-1","IPAddress":"10.8.7.2"}',
    );
    machine.program("curl", ":");
    machine.program("systemctl", ":");
    machine.write("/proc/7/net/tcp", connections);
    machine.run("watch-events", "1");
    const calls = machine.calls("systemctl");
    machine.remove();
    return calls;
  };

  it("are started anew after three looks", () => {
    const other = "0: 0207080A:22B8 0107080A:9999 01 00000000\n";
    assert.deepEqual(watch(other), ["systemctl --no-block restart taiga-events@1.service"]);
  });

  it("are left alone while they are connected", () => {
    assert.deepEqual(watch("0: 0207080A:9C40 0107080A:1628 01 00000000\n"), []);
  });
});
