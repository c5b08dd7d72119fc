import type { Machine } from "../clients/ssh";
import { type Credentials, mintCertificate } from "../credentials";
import { x509 } from "../x509";
import type { File } from "./files";

const folder = "/var/lib/data/pki";
export const certificateFile = `${folder}/node.crt`;

const days = 365;
/** A certificate is renewed, by an update, when it ends sooner than this. */
const renewBefore = 30 * 24 * 3600 * 1000;

export const isEnding = (notAfter: Date | string): boolean =>
  new Date(notAfter).getTime() - Date.now() < renewBefore;

/**
 * When the certificate found on a machine ends, if it may stay: daemons that were started with it would go on with it
 * after it was overwritten. Undefined when it is of another CA or address, or soon ends.
 */
export async function usableUntil(
  credentials: Credentials,
  machine: Machine,
  pem: string | undefined,
): Promise<Date | undefined> {
  if (!pem) return undefined;
  try {
    const certificate = new x509.X509Certificate(pem);
    const issued = await certificate.verify({
      publicKey: new x509.X509Certificate(credentials.caCertificate).publicKey,
    });
    const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
    const fits = names.some(({ type, value }) => type === "ip" && value === machine.address);
    return issued && fits && !isEnding(certificate.notAfter) ? certificate.notAfter : undefined;
  } catch {
    return undefined; // half a file, or no certificate at all
  }
}

/** A new certificate for the machine, as the files it goes into; its key is made here and kept there alone. */
export async function newCertificate(
  credentials: Credentials,
  machine: Machine,
): Promise<{ files: Record<string, File>; notAfter: Date }> {
  const { certificate, key, notAfter } = await mintCertificate(credentials, {
    commonName: machine.name,
    addresses: [machine.address],
    days,
  });
  const files = {
    [`${folder}/ca.crt`]: { content: credentials.caCertificate, mode: "0644" },
    [`${folder}/node.key`]: { content: key, mode: "0600" },
    [certificateFile]: { content: certificate, mode: "0644" }, // last: it is what says that the others are there
  };
  return { files, notAfter };
}
