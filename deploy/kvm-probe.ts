import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDir } from "./cache";
import { writeWhole } from "./whole-file";

export interface KvmProbe {
  readonly works: boolean;
  /** One line for the user: what was found. */
  readonly reason: string;
}

/** Where the probe looks; a test gives its own. */
export interface KvmHost {
  readonly cpuinfo: string;
  readonly device: string;
  /** Runs the smallest guest; false when it did not come up, undefined where it cannot be run: no QEMU yet, or no leave to. */
  readonly boots: () => boolean | undefined;
}

/**
 * Whether KVM really works here. /dev/kvm alone proves nothing: a host whose CPU shows neither vmx nor svm may have
 * one that aborts or hangs, so flags, device and a guest of 512 bytes are asked in turn.
 * Takes under a millisecond after the first call since boot.
 */
export function probeKvm(): KvmProbe {
  const host: KvmHost = {
    cpuinfo: readFileSync("/proc/cpuinfo", "utf8"),
    device: "/dev/kvm",
    boots: () =>
      rememberUntilReboot("kvm-boots", () => bootSectorRuns("kvm", mayUse("/dev/kvm") ? [] : ["sudo", "-n"])),
  };
  return judgeKvm(host);
}

export function judgeKvm({ cpuinfo, device, boots }: KvmHost): KvmProbe {
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo)) {
    return { works: false, reason: "the CPU shows neither vmx nor svm: machines are emulated" };
  }
  if (!existsSync(device)) {
    return { works: false, reason: `no ${device} (modprobe kvm_intel or kvm_amd): machines are emulated` };
  }
  const answer = boots();
  if (answer === undefined)
    return {
      works: true,
      reason: `the CPU has the flag and ${device} is there; a trial guest will tell, once it can be run`,
    };
  return answer
    ? { works: true, reason: "KVM works: a trial guest ran" }
    : { works: false, reason: `${device} is there, but a trial guest did not run: machines are emulated` };
}

/** libvirtd opens the device, so that this user need not: the trial guest is run by sudo then. */
function mayUse(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** mov al,0x10; out 0xf4,al; hlt: QEMU's debug-exit device ends QEMU with status (0x10 << 1) | 1. */
const bootSector = Buffer.alloc(512);
Buffer.from([0xb0, 0x10, 0xe6, 0xf4, 0xf4]).copy(bootSector);
bootSector.set([0x55, 0xaa], 510);

/**
 * Runs the boot sector under the accelerator; true when the guest itself ended QEMU, undefined when QEMU was never begun.
 * @param by what begins the command, such as `sudo -n`
 */
export function bootSectorRuns(accelerator: "kvm" | "tcg", by: readonly string[] = []): boolean | undefined {
  const image = join(tmpdir(), `taiga-boot-sector-${process.pid}`);
  writeFileSync(image, bootSector);
  try {
    if (!begins([...by, "qemu-system-x86_64", "--version"])) return undefined;
    const { status } = call([
      ...[...by, "timeout", "--signal=KILL", "20", "qemu-system-x86_64", "-accel", accelerator, "-m", "32"],
      ...[
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=0x04",
      ],
      ...["-drive", `file=${image},format=raw,if=ide,snapshot=on`],
    ]);
    return status === 33;
  } finally {
    rmSync(image, { force: true });
  }
}

const call = ([command = "", ...args]: readonly string[]): SpawnSyncReturns<Buffer> =>
  spawnSync(command, args, { stdio: "ignore" });
const begins = (command: readonly string[]): boolean => call(command).status === 0;

/** The answer of `ask`, kept until the host boots again; no answer is asked for anew. */
function rememberUntilReboot(name: string, ask: () => boolean | undefined): boolean | undefined {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const file = join(cacheDir(), `${name}-${boot}`);
  if (existsSync(file)) return readFileSync(file, "utf8") === "yes";
  const answer = ask();
  if (answer === undefined) return undefined;
  mkdirSync(cacheDir(), { recursive: true });
  writeWhole(file, answer ? "yes" : "no");
  return answer;
}
