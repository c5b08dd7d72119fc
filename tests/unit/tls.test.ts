import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { before, describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import { readTls } from "../../components/tls-settings";
import {
  type Certificate,
  type Credentials,
  createCredentials,
  mintCertificate,
} from "../../provider/credentials";
import * as provider from "../../provider/tls/certificate-provider";

const entry = "10.50.0.5";
const inputs = { commonName: "taiga", addresses: [entry, "10.50.0.11"], days: 90 };
let credentials: Credentials;
let own: Certificate;

before(async () => {
  credentials = await createCredentials();
  own = await mintCertificate(credentials, { commonName: "taiga", addresses: [entry], days: 90 });
  await provider.configure({
    config: { get: (key) => (key === "taiga:credentials" ? JSON.stringify(credentials) : undefined) },
  });
});

describe("the gateway's certificate", () => {
  it("is for the addresses asked for, of the stack's CA, with its key in one text", async () => {
    const { outs } = await provider.create(inputs);
    const certificate = new X509Certificate(outs?.certificate ?? "");
    assert.ok(certificate.verify(new X509Certificate(credentials.caCertificate).publicKey));
    for (const address of inputs.addresses) assert.equal(certificate.checkIP(address), address);
    assert.equal(certificate.checkHost("localhost"), undefined, "a member of etcd has that name");
    assert.match(outs?.bundle ?? "", /^-----BEGIN PRIVATE KEY-----[\s\S]*-----BEGIN CERTIFICATE-----/);
  });

  it("stays as it is while it is good, and is renewed with a new key in its last third or 30 days", async () => {
    const { outs } = await provider.create(inputs);
    assert.ok(outs);
    assert.equal((await provider.diff("taiga", outs, inputs)).changes, false);
    const inDays = (days: number) => new Date(Date.now() + days * 24 * 3600 * 1000).toISOString();
    for (const [left, days, due] of [
      [31, 365, false],
      [29, 365, true],
      [-1, 365, true],
      [6, 15, false],
      [4, 15, true],
    ] as const) {
      const old: provider.CertificateState = { ...outs, days, notAfter: inDays(left) };
      assert.equal(
        (await provider.diff("taiga", old, { ...inputs, days })).changes,
        due,
        `${left} of ${days}`,
      );
    }
    const renewed = await provider.update("taiga", outs, inputs);
    assert.notEqual(renewed.outs?.bundle, outs.bundle);
  });

  it("is made anew for other addresses, when the CA is another, and when etcd would take it from a client", async () => {
    const { outs } = await provider.create(inputs);
    assert.ok(outs);
    assert.equal((await provider.diff("taiga", outs, { ...inputs, addresses: [entry] })).changes, true);
    const changes = async (ca: Credentials, end?: "server") => {
      const { certificate } = await mintCertificate(ca, end ? { ...inputs, end } : inputs);
      return (await provider.diff("taiga", { ...outs, certificate }, inputs)).changes;
    };
    assert.equal(await changes(credentials, "server"), false);
    assert.equal(await changes(await createCredentials(), "server"), true);
    assert.equal(await changes(credentials), true);
  });
});

describe("a server's certificate that has ended", () => {
  /** What a client that knows the CA meets at a server whose certificate has that many days left; empty: the server it wants. */
  const met = async (days: number): Promise<string> => {
    const subject = { commonName: "taiga", addresses: ["127.0.0.1"], days, end: "server" } as const;
    const { certificate: cert, key } = await mintCertificate(credentials, subject);
    const server = createServer({ cert, key }, (socket) => socket.end()).listen(0, "127.0.0.1");
    server.on("tlsClientError", () => {});
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: "127.0.0.1", port, ca: credentials.caCertificate });
    try {
      await once(socket, "secureConnect");
      return "";
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? "";
    } finally {
      socket.destroy();
      server.close();
    }
  };

  it("is refused by a client, who takes the same before", async () => {
    assert.equal(await met(1), "");
    assert.equal(await met(-0.5), "CERT_HAS_EXPIRED");
  });
});

describe("taiga:tls", () => {
  const problems = (raw: unknown, now?: Date) =>
    readTls(raw, entry, now)
      .problems.map(({ field, message }) => `${field} ${message}`)
      .join("\n");

  it("is the stack's own certificate by default, or the user's", () => {
    assert.deepEqual(readTls(undefined, entry).tls, { kind: "issued", days: 365 });
    const { tls, problems: found, warnings } = readTls({ certificate: own.certificate, key: own.key }, entry);
    assert.deepEqual([found, warnings], [[], []]);
    assert.ok(tls.kind === "own" && tls.bundle.startsWith("-----BEGIN PRIVATE KEY-----"));
  });

  it("is refused when it has ended, with the date", () => {
    const later = new Date(Date.now() + 91 * 24 * 3600 * 1000);
    assert.match(
      problems({ certificate: own.certificate, key: own.key }, later),
      /taiga:tls\.certificate ended on/,
    );
  });

  it("warns of an end that is near", () => {
    const soon = new Date(Date.now() + 80 * 24 * 3600 * 1000);
    const { warnings } = readTls({ certificate: own.certificate, key: own.key }, entry, soon);
    assert.match(warnings[0]?.message ?? "", /^ends on/);
  });

  it("is refused with a key of another certificate, or one that cannot be read, and shows neither", async () => {
    const other = await mintCertificate(credentials, inputs);
    assert.match(problems({ certificate: own.certificate, key: other.key }), /taiga:tls\.key is not the key/);
    const broken = problems({ certificate: own.certificate, key: "hunter2" });
    assert.match(broken, /taiga:tls\.key is no private key; pulumi config set --secret/);
    assert.doesNotMatch(broken, /hunter2/);
  });

  it("is refused with fields that are none, and lives that are none", () => {
    assert.match(
      problems({ cert: "x" }),
      /taiga:tls\.cert is no known field; write one of certificate, key, days/,
    );
    assert.match(problems({ days: 0 }), /taiga:tls\.days 0 is no life/);
    assert.match(problems("x"), /taiga:tls is no mapping/);
  });
});
