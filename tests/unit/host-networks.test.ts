import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freeNetwork, hostNetworks, parseRoutes } from "../../components/host-networks";
import { parseCidr } from "../../nodes/cidr";

describe("the host's networks", () => {
  it("are read from the kernel's routes, without the default ones", () => {
    const text = [
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
      "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
      "wg0\t0000100A\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0",
      "",
    ].join("\n");
    assert.deepEqual(
      parseRoutes(text).map((each) => `${each.interface} ${each.text}`),
      ["eth0 192.0.2.0/24", "wg0 10.16.0.0/12"],
    );
  });

  it("leave a network that overlaps none of them", () => {
    const taken = (...texts: string[]) => texts.map((text) => parseCidr(text));
    assert.equal(freeNetwork([]), "10.77.0.0/24");
    assert.equal(freeNetwork(taken("10.77.0.0/24")), "10.78.0.0/24");
    assert.equal(freeNetwork(taken("10.0.0.0/8")), "172.16.77.0/24");
    assert.equal(freeNetwork(taken("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")), undefined);
  });

  it("hold the loopback network", () => {
    const loopback = hostNetworks().find((each) => each.interface === "lo");
    assert.equal(loopback?.text, "127.0.0.0/8");
  });
});
