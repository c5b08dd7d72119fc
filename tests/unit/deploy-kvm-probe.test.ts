import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bootSectorRuns, judgeKvm } from "../../deploy/kvm-probe";

const intel = "processor : 0\nflags\t\t: fpu vme vmx sse\n";
const host = { cpuinfo: intel, device: "/dev/null", boots: () => true };

describe("the KVM probe", () => {
  it("takes KVM where flag, device and a trial guest agree", () => {
    assert.deepEqual(judgeKvm(host), { works: true, reason: "KVM works: a trial guest ran" });
  });

  it("does not trust a device on a CPU without vmx or svm, and does not try it", () => {
    const probe = judgeKvm({
      ...host,
      cpuinfo: "flags\t\t: fpu vme sse svm_lock\n",
      boots: () => assert.fail("tried a guest"),
    });
    assert.equal(probe.works, false);
    assert.match(probe.reason, /neither vmx nor svm/);
  });

  it("says what to load when the device is absent", () => {
    const probe = judgeKvm({ ...host, device: "/dev/none-such" });
    assert.equal(probe.works, false);
    assert.match(probe.reason, /modprobe/);
  });

  it("emulates when the trial guest does not run", () => {
    assert.equal(judgeKvm({ ...host, boots: () => false }).works, false);
  });

  it("leaves it open where there is no QEMU yet, and remembers no answer", () => {
    const probe = judgeKvm({ ...host, boots: () => undefined });
    assert.match(probe.reason, /once it can be run/);
    const path = process.env.PATH;
    process.env.PATH = "/none-such";
    try {
      assert.equal(bootSectorRuns("tcg"), undefined);
    } finally {
      process.env.PATH = path;
    }
  });

  it("has a trial guest that really runs, by another command too where this user may not", () => {
    assert.equal(bootSectorRuns("tcg"), true);
    assert.equal(bootSectorRuns("tcg", ["env"]), true);
    assert.equal(bootSectorRuns("tcg", ["false"]), undefined, "it may not either");
  });
});
