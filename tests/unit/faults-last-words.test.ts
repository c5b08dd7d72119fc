import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { servicesIn } from "../../faults/last-words";

describe("the services that a matrix which is given up names", () => {
  it("are those of its units and its announcements, each once, and no machine", () => {
    const error =
      "not whole after 482 s: taiga-db-discovery@2.service inactive b63012a1.../10.95.0.12; taiga-room.service failed; " +
      "broker on taiga-e2eq-2 is not announced; db on taiga-faults-1 is not announced; 2 brokers";
    assert.deepEqual(servicesIn(error), ["db", "room", "broker"]);
  });
});
