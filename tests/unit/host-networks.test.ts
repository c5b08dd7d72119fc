import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hostNetworks, parseRoutes } from "../../components/host-networks";

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

  it("hold the loopback network", () => {
    const loopback = hostNetworks().find((each) => each.interface === "lo");
    assert.equal(loopback?.text, "127.0.0.0/8");
  });
});
