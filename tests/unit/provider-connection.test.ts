import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Connection } from "../../provider/connection";
import { createCredentials } from "../../provider/credentials";

describe("a provider's connection", () => {
  it("knows the machines of pools from configuration, defaults of the schema included", async () => {
    const credentials = JSON.stringify(await createCredentials());
    const config: Record<string, string> = {
      "taiga:credentials": credentials,
      "taiga:prefix": "",
      "taiga:machines": '{"count":3}',
      "taiga:pools": '{"db":{"count":2},"web":{"count":1,"first":11}}',
      "taiga:network": "10.53.0.0/24",
    };
    const addresses = (changes: Record<string, string>) =>
      Connection.fromConfig({ get: (key) => ({ ...config, ...changes })[key] }).machines.map(
        ({ address }) => address,
      );
    assert.deepEqual(addresses({}), ["10.53.0.11", "10.53.0.12", "10.53.0.21"]);
    assert.deepEqual(addresses({ "taiga:pools": "{}" }), ["10.53.0.11", "10.53.0.12", "10.53.0.13"]);
  });
});
