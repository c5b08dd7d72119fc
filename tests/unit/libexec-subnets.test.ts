import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

let machine: Libexec;
beforeEach(() => {
  machine = new Libexec();
});
afterEach(() => machine.remove());

const subnet = (third: number, lease: string) =>
  `"Key" : "/coreos.com/network/subnets/10.8.${third}.0-24"\n"CreateRevision" : 7\n"ModRevision" : 8\n"Version" : 1\n` +
  `"Value" : "{\\"PublicIP\\":\\"10.9.0.${third}\\"}"\n"Lease" : ${lease}\n`;

/** Stands for an etcd with these subnets, in which some leases have ended. */
const etcd = (subnets: string, ended: string) => {
  machine.write("/fields", `"ClusterID" : 1\n"Revision" : 41\n${subnets}"More" : false\n"Count" : 3\n`);
  machine.program("etcdctl", `case "$*" in get*) cat "$ROOT/fields" ;; *" ${ended}") exit 1 ;; esac`);
};

describe("keeping the subnets of machines that are down", () => {
  it("renews the lease of each subnet once, by the number etcdctl takes", () => {
    etcd(subnet(1, "7587895555061516547") + subnet(2, "255"), "none");
    assert.equal(machine.run("keep-subnets").code, 0);
    assert.deepEqual(machine.calls("etcdctl lease"), [
      "etcdctl lease keep-alive --once 694d9ece10350903",
      "etcdctl lease keep-alive --once ff",
    ]);
  });

  it("leaves a subnet that hangs on no lease, goes on after one whose lease has just ended, and says so", () => {
    etcd(subnet(1, "0") + subnet(2, "16") + subnet(3, "17"), "10");
    assert.notEqual(machine.run("keep-subnets").code, 0);
    assert.deepEqual(machine.calls("etcdctl lease"), [
      "etcdctl lease keep-alive --once 10",
      "etcdctl lease keep-alive --once 11",
    ]);
  });

  it("fails when etcd does not answer", () => {
    machine.program("etcdctl", "exit 1");
    assert.notEqual(machine.run("keep-subnets").code, 0);
  });
});
