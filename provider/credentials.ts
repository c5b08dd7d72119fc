import { createHash, createPrivateKey, createPublicKey, hkdfSync, randomBytes, webcrypto } from "node:crypto";
import { x509 } from "./x509";

/** What a stack's every secret comes from: made once, kept as one secret configuration value. */
export interface Credentials {
  readonly caCertificate: string;
  readonly caKey: string;
  /** The operator's ssh key, OpenSSH format. */
  readonly operatorKey: string;
  /** 64 hexadecimal digits; host keys and passwords are derived from it, so a replaced machine keeps its own. */
  readonly seed: string;
  /** The stack they were made for, whose machines are named after it unless `taiga:prefix` says otherwise. */
  readonly stack?: string;
}

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly notAfter: Date;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 24 * 3600 * 1000;

export async function createCredentials(stack?: string): Promise<Credentials> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Taiga cluster CA",
    serialNumber: randomBytes(8).toString("hex"),
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 20 * 365 * day),
    keys: keys as CryptoKeyPair,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create((keys as CryptoKeyPair).publicKey),
    ],
  });
  return {
    caCertificate: ca.toString("pem"),
    caKey: await exportKey((keys as CryptoKeyPair).privateKey),
    operatorKey: opensshKey(randomBytes(32), "operator").privateKey,
    seed: randomBytes(32).toString("hex"),
    ...(stack && { stack }),
  };
}

/** @throws Error naming the configuration value, never its content. */
export function parseCredentials(text: string): Credentials {
  try {
    const parsed = JSON.parse(text) as Partial<Credentials>;
    if (parsed.caCertificate && parsed.caKey && parsed.operatorKey && parsed.seed)
      return parsed as Credentials;
  } catch {
    // The parser's message would quote the secret.
  }
  throw new Error(
    "taiga:credentials is not what ./deploy.sh makes; take it out of the stack file and run ./deploy.sh, which puts back what the stack had",
  );
}

/** A secret for one purpose, 64 hexadecimal digits, the same each time it is asked for. */
export function derive(credentials: Credentials, purpose: string): string {
  return Buffer.from(hkdfSync("sha256", Buffer.from(credentials.seed, "hex"), "taiga", purpose, 32)).toString(
    "hex",
  );
}

export function machineId(credentials: Credentials, name: string): string {
  return createHash("sha256")
    .update(derive(credentials, `machine-id:${name}`))
    .digest("hex")
    .slice(0, 32);
}

export interface SshKey {
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA… comment` */
  readonly publicKey: string;
}

export function hostKey(credentials: Credentials, address: string): SshKey {
  return opensshKey(Buffer.from(derive(credentials, `ssh-host:${address}`), "hex"), address);
}

export function operatorPublicKey(credentials: Credentials): string {
  return `ssh-ed25519 ${publicBlob(credentials.operatorKey).toString("base64")} taiga-operator`;
}

/** The public half of a private key in the OpenSSH container, as the other side gets to see it. */
function publicBlob(privateKey: string): Buffer {
  const bytes = Buffer.from(privateKey.replace(/-----[^-]+-----/g, ""), "base64");
  const magic = "openssh-key-v1\0";
  if (bytes.toString("latin1", 0, magic.length) !== magic)
    throw new Error("the operator's key in taiga:credentials cannot be read");
  let at = magic.length;
  const next = (): Buffer => {
    const from = at + 4;
    at = from + bytes.readUInt32BE(at);
    return bytes.subarray(from, at);
  };
  for (let skipped = 0; skipped < 3; skipped += 1) next(); // cipher, key derivation and its options
  at += 4; // how many keys: one
  return next();
}

/** Ed25519 in the OpenSSH container (PROTOCOL.key of OpenSSH), from a 32-byte seed. */
function opensshKey(seed: Buffer, comment: string): SshKey {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const spki = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })).export({
    format: "der",
    type: "spki",
  });
  const pub = spki.subarray(-32);
  const text = (value: string | Buffer) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const blob = Buffer.concat([text("ssh-ed25519"), text(pub)]);
  const check = createHash("sha256").update(seed).digest().subarray(0, 4);
  let secret = Buffer.concat([check, check, blob, text(Buffer.concat([seed, pub])), text(comment)]);
  for (let pad = 1; secret.length % 8 !== 0; pad += 1) secret = Buffer.concat([secret, Buffer.from([pad])]);
  const one = Buffer.from([0, 0, 0, 1]);
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    text("none"),
    text("none"),
    text(""),
    one,
    text(blob),
    text(secret),
  ]);
  const body = file.toString("base64").replace(/.{70}/g, "$&\n");
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `ssh-ed25519 ${blob.toString("base64")} ${comment}`,
  };
}

/** Whose a certificate is. etcd's own is for both ends of a connection, as its members are. */
export interface Subject {
  /** Of a client: its user in etcd. Empty for one that is known by a password alone. */
  readonly commonName: string;
  readonly addresses?: readonly string[];
  readonly days: number;
  /** Default: both ends of a connection. A server's opens nothing as a client; a client's names nobody. */
  readonly end?: "server" | "client";
}

/** A certificate of the stack's CA. */
export async function mintCertificate(credentials: Credentials, subject: Subject): Promise<Certificate> {
  const ca = new x509.X509Certificate(credentials.caCertificate);
  const pkcs8 = createPrivateKey(credentials.caKey).export({ format: "der", type: "pkcs8" });
  const caKey = await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const notAfter = new Date(Date.now() + subject.days * day);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString("hex"),
    subject: subject.commonName ? `CN=${subject.commonName}` : "",
    issuer: ca.subject,
    notBefore: new Date(Date.now() - day), // a machine's clock may be behind
    notAfter,
    publicKey: keys.publicKey,
    signingKey: caKey as CryptoKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        ...(subject.end === "client" ? [] : [x509.ExtendedKeyUsage.serverAuth]),
        ...(subject.end === "server" ? [] : [x509.ExtendedKeyUsage.clientAuth]),
      ]),
      ...(subject.end === "client" ? [] : [serverNames(subject)]),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey), notAfter };
}

/** By the name localhost members of etcd know each other, and their clients a member: no other server has it. */
const serverNames = ({ commonName, addresses = [], end }: Subject) =>
  new x509.SubjectAlternativeNameExtension([
    ...(end === "server" ? [] : ["localhost"]).map((value) => ({ type: "dns" as const, value })),
    { type: "dns", value: commonName },
    ...[...(end === "server" ? [] : ["127.0.0.1"]), ...addresses].map((value) => ({
      type: "ip" as const,
      value,
    })),
  ]);

async function exportKey(key: webcrypto.CryptoKey | CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key as webcrypto.CryptoKey));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    .export({ format: "pem", type: "pkcs8" })
    .toString();
}
