import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { Interrupted, noticeCancel, unlessInterrupted } from "../../provider/interrupt";

const require = createRequire(__filename);

describe("an interrupt of the engine", () => {
  it("is noticed in the call Cancel of the SDK's own server, and in no other", async () => {
    const grpc = require("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
    const original = (grpc.Server.prototype as unknown as Record<string, unknown>)._retrieveHandler;
    let noticed = 0;
    noticeCancel(grpc as unknown as Parameters<typeof noticeCancel>[0], () => {
      noticed += 1;
    });
    const service = (path: string) => ({
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: () => ({}),
      responseSerialize: () => Buffer.alloc(0),
      responseDeserialize: () => ({}),
    });
    const definition = {
      cancel: service("/pulumirpc.ResourceProvider/Cancel"),
      check: service("/pulumirpc.ResourceProvider/Check"),
    };
    const server = new grpc.Server();
    const answer = (_: unknown, done: (error: null, value: object) => void) => done(null, {});
    server.addService(definition, { cancel: answer, check: answer });
    const port = await new Promise<number>((done, fail) =>
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? fail(error) : done(bound),
      ),
    );
    const client = new (grpc.makeGenericClientConstructor(definition, "test"))(
      `127.0.0.1:${port}`,
      grpc.credentials.createInsecure(),
    );
    try {
      const call = (name: "cancel" | "check") =>
        new Promise<void>((done, fail) =>
          (client[name] as (request: object, answered: (error: Error | null) => void) => void)({}, (error) =>
            error ? fail(error) : done(),
          ),
        );
      await call("check");
      assert.equal(noticed, 0);
      await call("cancel");
      assert.equal(noticed, 1);
    } finally {
      client.close();
      server.forceShutdown();
      (grpc.Server.prototype as unknown as Record<string, unknown>)._retrieveHandler = original;
    }
  });

  it("ends a wait at once", async () => {
    const controller = new AbortController();
    const waiting = unlessInterrupted(new Promise(() => {}), controller.signal);
    controller.abort();
    await assert.rejects(waiting, Interrupted);
    await assert.rejects(unlessInterrupted(Promise.resolve(), controller.signal), /next `pulumi up` goes on/);
  });

  it("leaves a wait alone that nobody interrupts", async () => {
    assert.equal(await unlessInterrupted(Promise.resolve(5), new AbortController().signal), 5);
    await assert.rejects(unlessInterrupted(Promise.reject(new Error("its own"))), /its own/);
  });
});
