import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SshPool } from "../../provider/clients/ssh";
import { createCredentials } from "../../provider/credentials";
import { short, untilNextLine, waitUntil } from "../../provider/progress";

describe("waiting", () => {
  const asked = async (isFree: boolean) => {
    let count = 0;
    const begun = Date.now();
    await waitUntil({ what: "it", timeoutSeconds: 20, lookAt: "it", everySeconds: 0.1, isFree }, async () => {
      count += 1;
      await sleep(200);
      return count < 3 ? "an answer" : undefined;
    });
    return (Date.now() - begun) / 1000;
  };

  it("leaves a machine that answers slowly four times as long in peace, unless asking is free", async () => {
    const tries = await Promise.all([asked(false), asked(true), asked(true), asked(true)]);
    const [patient, ...free] = tries as [number, ...number[]];
    // A timer may be early by a millisecond; on a busy host all are late.
    assert.ok(patient >= 3 * 0.2 + 2 * 0.8 - 0.1, `${patient} s`);
    assert.ok(Math.min(...free) < 1.8, `${free.join(", ")} s`);
  });
});

describe("the line about a wait", () => {
  it("comes every ten seconds at first, and at least once a minute", () => {
    assert.deepEqual([0, 10, 40, 80, 240, 900].map(untilNextLine), [10, 10, 10, 20, 60, 60]);
  });

  it("has room for some of what is lacking, cut between two things", () => {
    const lacks = Array.from({ length: 12 }, (_, index) => `unit-${index}.service is inactive/dead`);
    assert.equal(short(lacks.slice(0, 2).join(", ")), lacks.slice(0, 2).join(", "));
    assert.equal(short(lacks.join(", "), 80), `${lacks.slice(0, 2).join(", ")} …`);
    assert.equal(short("x".repeat(90), 80).length, 82);
  });
});

describe("a machine that boots", () => {
  it("is listening when its port takes connections, and that is known soon where nobody has the address", async () => {
    const ssh = new SshPool(await createCredentials());
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const machine = { name: "m-1", address: "127.0.0.1", sshPort: port };
    assert.equal(await ssh.isListening(machine), true);
    server.close();
    await once(server, "close");
    assert.equal(await ssh.isListening(machine), false);
    const begun = Date.now();
    // TEST-NET-1 of RFC 5737, which nobody has
    assert.equal(await ssh.isListening({ name: "m-2", address: "192.0.2.1" }), false);
    assert.ok(Date.now() - begun < 5000, "the kernel's own limit is 2 min");
  });
});
