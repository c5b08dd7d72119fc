import { X509Certificate } from "node:crypto";
import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { mintCertificate } from "../credentials";
import { isKnown } from "../unknown";

export interface CertificateInputs {
  readonly commonName: string;
  readonly addresses: readonly string[];
  /** How long it is good for. */
  readonly days: number;
}

export interface CertificateState extends CertificateInputs {
  /** Private key and certificate, PEM, in one text. Secret. */
  readonly bundle: string;
  /** The certificate alone, PEM. */
  readonly certificate: string;
  /** ISO 8601. */
  readonly notAfter: string;
}

const { configure, connected } = configured("tls.Certificate");

export { configure };

const day = 24 * 3600 * 1000;

/** The time from which an update renews it: 30 days before its end, or the last third of a shorter life. */
export const renewAt = ({ notAfter, days }: Pick<CertificateState, "notAfter" | "days">): Date =>
  new Date(new Date(notAfter).getTime() - Math.min(30, days / 3) * day);

export async function check(
  _olds: CertificateInputs,
  news: CertificateInputs,
): Promise<dynamic.CheckResult<CertificateInputs>> {
  const failures: dynamic.CheckFailure[] = [];
  if (isKnown(news.days) && !(Number.isInteger(news.days) && news.days >= 1 && news.days <= 825)) {
    failures.push({
      property: "days",
      reason: `${news.days} is no life of a certificate; write 1 to 825 days`,
    });
  }
  return { inputs: news, failures };
}

export async function diff(
  _id: string,
  old: CertificateState,
  news: CertificateInputs,
): Promise<dynamic.DiffResult> {
  const same =
    old.commonName === news.commonName &&
    old.days === news.days &&
    old.addresses.join() === news.addresses.join();
  const changes = !same || renewAt(old).getTime() < Date.now() || !isOurs(old.certificate);
  return { changes, replaces: [] };
}

/** id-kp-serverAuth of RFC 5280. */
const serverAuth = "1.3.6.1.5.5.7.3.1";

/** Of the stack's CA, and for a server alone: etcd would take one that is for clients too. */
function isOurs(pem: string): boolean {
  const certificate = new X509Certificate(pem);
  if ((certificate.keyUsage ?? []).join() !== serverAuth) return false;
  return certificate.verify(new X509Certificate(connected().credentials.caCertificate).publicKey);
}

async function mint(inputs: CertificateInputs): Promise<CertificateState> {
  const { certificate, key, notAfter } = await mintCertificate(connected().credentials, {
    ...inputs,
    end: "server",
  });
  const outs = { commonName: inputs.commonName, addresses: inputs.addresses, days: inputs.days };
  return {
    ...outs,
    certificate,
    bundle: `${key.trim()}\n${certificate.trim()}\n`,
    notAfter: notAfter.toISOString(),
  };
}

export async function create(inputs: CertificateInputs): Promise<dynamic.CreateResult<CertificateState>> {
  return { id: inputs.commonName, outs: await mint(inputs) };
}

export async function update(
  _id: string,
  _old: CertificateState,
  news: CertificateInputs,
): Promise<dynamic.UpdateResult<CertificateState>> {
  return { outs: await mint(news) };
}

async function remove(): Promise<void> {}

export { remove as delete };
