type X509 = typeof import("@peculiar/x509");

let loaded: X509 | undefined;

function load(): X509 {
  if (loaded) return loaded;
  require("reflect-metadata"); // it asks for it
  loaded = require("@peculiar/x509") as X509;
  loaded.cryptoProvider.set(globalThis.crypto);
  return loaded;
}

/**
 * @peculiar/x509, loaded when a certificate is first made or read. That takes 0.2 s, twice in each preview (program and
 * provider), which neither makes nor reads one.
 */
export const x509: X509 = new Proxy({} as X509, { get: (_, name) => Reflect.get(load(), name) });
