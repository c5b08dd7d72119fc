import { databasePassword, databaseUser } from "../access/users";
import type { Machine } from "../clients/ssh";
import { type Credentials, mintCertificate, type Subject } from "../credentials";
import { x509 } from "../x509";
import type { File } from "./files";

const folder = "/var/lib/data/pki";
/** Of etcd itself. Its common name is the machine's, which is no user of etcd's. */
const nodeCertificate = `${folder}/node.crt`;

const days = 365;
/** A certificate is renewed, by an update, when it ends sooner than this. */
const renewBefore = 30 * 24 * 3600 * 1000;

export const isEnding = (notAfter: Date | string): boolean =>
  new Date(notAfter).getTime() - Date.now() < renewBefore;

interface Holding extends Omit<Subject, "days"> {
  /** Days; default: as all others. */
  readonly days?: number;
  readonly key: string;
}

/**
 * A machine's certificates by their files. Its own daemons' are root's. A container is given a folder of its own, with what
 * opens none of etcd's keys: the registry's and Docker's know their peers by it, the database has a password beside it.
 */
const holdings = ({
  name,
  address,
}: Pick<Machine, "name" | "address">): Readonly<Record<string, Holding>> => ({
  [`${folder}/machine.crt`]: { commonName: "machine", end: "client", key: `${folder}/machine.key` },
  [`${folder}/flannel.crt`]: { commonName: "flannel", end: "client", key: `${folder}/flannel.key` },
  [`${folder}/fleet.crt`]: { commonName: "fleet", end: "client", key: `${folder}/fleet.key` },
  // Its container copies it when it starts, and may run for years; etcd's gateway wants one without a name.
  [`${folder}/database/client.crt`]: {
    commonName: "",
    end: "client",
    key: `${folder}/database/client.key`,
    days: 3650,
  },
  [`${folder}/registry/server.crt`]: {
    commonName: name,
    addresses: [address],
    end: "server",
    key: `${folder}/registry/server.key`,
  },
  // Files' names as skopeo takes them.
  [`${folder}/images/client.cert`]: {
    commonName: "images",
    end: "client",
    key: `${folder}/images/client.key`,
  },
  // Last: it is what says that the others are there.
  [nodeCertificate]: { commonName: name, addresses: [address], key: `${folder}/node.key` },
});

/** Of any machine: the files that `usableUntil` looks at. */
export const certificateFiles: readonly string[] = Object.keys(holdings({ name: "", address: "" }));

/**
 * When the first of the certificates found on a machine ends, if they may stay: daemons that were started with them would
 * go on with them after they were overwritten. Undefined when one is missing, of another CA or address, or soon ends.
 */
export async function usableUntil(
  credentials: Credentials,
  machine: Machine,
  found: Readonly<Partial<Record<string, string>>>,
): Promise<Date | undefined> {
  const ends = await Promise.all(
    Object.entries(holdings(machine)).map(([file, { addresses = [] }]) =>
      endOf(credentials, addresses, found[file]),
    ),
  );
  return ends.reduce((first, end) => (first && end && end < first ? end : first && end));
}

async function endOf(
  credentials: Credentials,
  addresses: readonly string[],
  pem: string | undefined,
): Promise<Date | undefined> {
  if (!pem) return undefined;
  try {
    const certificate = new x509.X509Certificate(pem);
    const issued = await certificate.verify({
      publicKey: new x509.X509Certificate(credentials.caCertificate).publicKey,
    });
    const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
    const fits = addresses.every((address) =>
      names.some(({ type, value }) => type === "ip" && value === address),
    );
    return issued && fits && !isEnding(certificate.notAfter) ? certificate.notAfter : undefined;
  } catch {
    return undefined; // half a file, or no certificate at all
  }
}

/** New certificates for the machine, as the files they go into; their keys are made here and kept there alone. */
export async function newCertificates(
  credentials: Credentials,
  machine: Machine,
): Promise<{ files: Record<string, File>; notAfter: Date }> {
  const ca = { content: credentials.caCertificate, mode: "0644" };
  const files: Record<string, File> = {};
  for (const own of [folder, ...["database", "registry", "images"].map((each) => `${folder}/${each}`)])
    files[`${own}/ca.crt`] = ca;
  files[`${folder}/database/etcd.env`] = { content: databaseEnvironment(credentials), mode: "0600" };
  let notAfter = new Date(Date.now() + days * 24 * 3600 * 1000);
  for (const [file, { key, ...subject }] of Object.entries(holdings(machine))) {
    const made = await mintCertificate(credentials, { days, ...subject });
    files[key] = { content: made.key, mode: "0600" };
    files[file] = { content: made.certificate, mode: "0644" };
    if (made.notAfter < notAfter) notAfter = made.notAfter;
  }
  return { files, notAfter };
}

const databaseEnvironment = (credentials: Credentials): string =>
  `PATRONI_ETCD3_USERNAME=${databaseUser}\nPATRONI_ETCD3_PASSWORD=${databasePassword(credentials)}\n`;
