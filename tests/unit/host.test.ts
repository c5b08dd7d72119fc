import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it, mock } from "node:test";
import { hostProblems, machineKind } from "../../components/host";
import type { MachineKind } from "../../components/machine-settings";
import { type RawSettings, readSettings, type Settings } from "../../components/settings";
import { nodeImage, payload } from "../../images/artifacts";
import { freeNetworks } from "../support/free-networks";
import { keepEnvironment } from "../support/kept-environment";
import { writeProgram } from "../support/program";

describe("what this host cannot give", () => {
  const folder = mkdtempSync(join(tmpdir(), "taiga-host-"));
  const restore = keepEnvironment("PATH", "TAIGA_CACHE");
  const { network, containers } = freeNetworks();
  const program = (name: string, body: string) => writeProgram(join(folder, "bin", name), body);
  const settings = (raw: Partial<RawSettings> = {}): Settings => {
    const read = readSettings({ prefix: "p", network, containers, pool: join(folder, "pool"), ...raw });
    assert.deepEqual(read.problems, []);
    return read.settings;
  };
  const messages = (asked: Settings, kind: MachineKind = "emulated") =>
    hostProblems(asked, kind).map(({ field, message }) => `${field}: ${message}`);
  const refused = (asked: Settings, expected: RegExp, kind?: MachineKind) => {
    const [first = "", ...others] = messages(asked, kind);
    assert.match(first, expected);
    assert.deepEqual(others, []);
  };

  before(() => {
    process.env.PATH = `${join(folder, "bin")}:${process.env.PATH}`;
  });
  beforeEach(() => {
    process.env.TAIGA_CACHE = join(folder, "cache");
    for (const { dir } of [nodeImage(), payload()]) mkdirSync(dir, { recursive: true });
    program("virsh", "exit 0");
    program("sudo", "exit 0");
  });
  after(() => {
    restore();
    rmSync(folder, { recursive: true });
  });

  it("is nothing where libvirt answers, the networks are free and all is built", () => {
    assert.deepEqual(messages(settings()), []);
    assert.deepEqual(messages(settings(), "container"), []);
  });

  it("is a network that it has itself, with a free one to write", () => {
    refused(
      { ...settings(), network: "127.0.3.0/24" },
      /^taiga:network: "127\.0\.3\.0\/24" overlaps this host's lo \(127\.0\.0\.0\/8\); write another private network, such as "\d\S+\/24"$/,
    );
    refused(
      { ...settings(), containers: "127.1.0.0/16" },
      /^taiga:containers: "127\.1\.0\.0\/16" overlaps this host's lo \(127\.0\.0\.0\/8\); write another private network of 65,536 addresses \(a \/16\)$/,
    );
  });

  it("is no network where machines are on a bridge of the site's", () => {
    const bridged = settings({ link: { mode: "bridge", bridge: "br0" } });
    assert.deepEqual(messages({ ...bridged, network: "127.0.3.0/24" }), []);
  });

  it("is a pool that cannot be written, with the folder where that is so", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    refused(
      settings({ pool: join(file, "a/pool") }),
      /^taiga:pool: "\S+\/file\/a\/pool" cannot be written \(at \S+\/file\); write a folder on a disk with room, such as \/var\/lib\/taiga\/NAME$/,
    );
  });

  it("is a libvirt that does not answer, with its own words", () => {
    program("virsh", "echo 'error: no route' >&2; echo more >&2; exit 1");
    refused(
      settings(),
      /^libvirt:uri: "qemu:\/\/\/system" does not answer \(error: no route\); start libvirtd, which \.\/deploy\.sh does, or write a URI that answers$/,
    );
    const uri = "qemu+ssh://rack1.example.org/system";
    refused(
      settings({ machines: { kind: "emulated" }, hypervisors: { rack1: uri } }),
      /^taiga:hypervisors\.rack1: "qemu\+ssh:\S+" does not answer \(error: no route\); start libvirtd there or write a URI that answers$/,
    );
  });

  it("is a container, where libvirt's LXC driver is not there", () => {
    program("virsh", 'case "$2" in lxc*) echo "error: no driver" >&2; exit 1 ;; esac');
    refused(
      settings(),
      /^taiga:machines\.kind: "container" needs lxc:\/\/\/system, which does not answer \(error: no driver\); run \.\/deploy\.sh, .*or write auto$/,
      "container",
    );
  });

  it("is a container, where a user would be asked for a password", () => {
    program("sudo", "exit 1");
    const user = mock.method(process as Required<Pick<NodeJS.Process, "getuid">>, "getuid", () => 1000);
    try {
      refused(
        settings(),
        /^taiga:machines\.kind: "container" machines are made by root, .*run as root, have sudo ask nothing \(NOPASSWD\), or write auto$/,
        "container",
      );
    } finally {
      user.mock.restore();
    }
  });

  it("is an image that is not in the cache", () => {
    process.env.TAIGA_CACHE = join(folder, "empty");
    refused(
      settings(),
      /^taiga:machines\.image: "debian" is not built yet.*; run \.\/deploy\.sh, which builds it$/,
    );
    process.env.TAIGA_CACHE = join(folder, "cache");
    refused(
      settings({ machines: { image: "flatcar" } }),
      /^taiga:machines\.image: "flatcar" \S+ is not in the cache; run \.\/deploy\.sh, which fetches it from https:/,
    );
  });

  it("is KVM, where its trial guest does not run; auto is emulated there", () => {
    program("qemu-system-x86_64", '[ "$1" = --version ]');
    program("sudo", 'shift; exec "$@"');
    const { kind, problems } = machineKind(settings({ machines: { kind: "kvm" } }));
    assert.equal(kind, "emulated");
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["taiga:machines.kind"],
    );
    assert.match(
      problems[0]?.message ?? "",
      /^"kvm" does not work on this host: .+; write auto, emulated or container$/,
    );
    assert.deepEqual(machineKind(settings()), { kind: "emulated", problems: [] });
  });
});
