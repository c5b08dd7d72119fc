import { setMaxListeners } from "node:events";
import { createRequire } from "node:module";

const controller = new AbortController();
setMaxListeners(0, controller.signal); // as many as there are waits side by side

/** Aborted once the engine has been interrupted by Ctrl-C or SIGTERM. */
export const interruption: AbortSignal = controller.signal;

/**
 * Ends a wait when the engine is interrupted.
 * @throws Interrupted at the interruption, or what the awaited throws.
 */
export function unlessInterrupted<T>(awaited: Promise<T>, signal: AbortSignal = interruption): Promise<T> {
  if (signal.aborted) return Promise.reject(new Interrupted());
  return new Promise<T>((done, fail) => {
    const stop = () => fail(new Interrupted());
    signal.addEventListener("abort", stop, { once: true });
    awaited.then(done, fail).finally(() => signal.removeEventListener("abort", stop));
  });
}

export class Interrupted extends Error {
  /** @param waited what was waited for, and what it lacked. */
  constructor(waited?: string) {
    super(`${waited ? `${waited}: ` : ""}interrupted; the next \`pulumi up\` goes on from here`);
  }
}

interface GrpcServer {
  readonly Server: { prototype: { _retrieveHandler?: (path: string) => unknown } };
}

/**
 * The engine tells each plugin of an interrupt by the call Cancel, and then waits for what is under way. The SDK's dynamic
 * provider answers the call and tells nobody, so it is noticed where its server looks up the handler of a call. Where that
 * is no more, gates wait to their end as they would without this.
 */
export function noticeCancel(grpc: GrpcServer, noticed: () => void): void {
  const { prototype } = grpc.Server;
  const find = prototype._retrieveHandler;
  if (!find) return;
  prototype._retrieveHandler = function (this: unknown, path: string): unknown {
    if (path === "/pulumirpc.ResourceProvider/Cancel") noticed();
    return find.call(this, path);
  };
}

const main = require.main?.filename ?? "";
if (/[/\\]cmd[/\\]dynamic-provider[/\\]/.test(main))
  noticeCancel(createRequire(main)("@grpc/grpc-js") as GrpcServer, () => controller.abort());
