import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findTarget, targets } from "../../deploy/ssh";

describe("npm run ssh", () => {
  const config = {
    "taiga:machines": { value: '{"count":3,"kind":"container"}' },
    "taiga:network": { value: "10.99.0.0/24" },
  };

  it("finds a machine by name, number and address, from configuration alone", () => {
    const all = targets(config, "dev");
    const second = { name: "taiga-dev-2", address: "10.99.0.12" };
    for (const wanted of ["taiga-dev-2", "2", "10.99.0.12"])
      assert.deepEqual(findTarget(all, wanted), second);
  });

  it("goes where taiga:endpoints says", () => {
    const endpoints = { value: '[{"name":"taiga-dev-1","address":"127.0.0.1","sshPort":2201}]' };
    const [first] = targets({ ...config, "taiga:endpoints": endpoints }, "dev");
    assert.deepEqual(first, { name: "taiga-dev-1", address: "127.0.0.1", sshPort: 2201 });
  });

  it("knows the machines of pools, and takes the schema's empty texts for what is not set", () => {
    const pools = { value: '{"db":{"count":1},"web":{"count":1,"first":11}}' };
    const all = targets({ ...config, "taiga:pools": pools, "taiga:prefix": { value: "" } }, "prod");
    assert.deepEqual(
      all.map(({ name, address }) => [name, address]),
      [
        ["taiga-prod-1", "10.99.0.11"],
        ["taiga-prod-11", "10.99.0.21"],
      ],
    );
    assert.equal(findTarget(all, "11").name, "taiga-prod-11");
    assert.throws(
      () => findTarget(all, "2"),
      /no machine 2/,
      "a number is the name's, not a place in the list",
    );
  });

  it("names the machines there are", () => {
    assert.throws(() => findTarget(targets(config, "dev"), "4"), /taiga-dev-1, taiga-dev-2, taiga-dev-3/);
  });
});
