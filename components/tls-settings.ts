import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Problem } from "./problem";

/** The gateway's certificate: the user's own, or one of the stack's CA. */
export type TlsSettings =
  | { readonly kind: "own" /** Private key and certificate with its chain, PEM. */; readonly bundle: string }
  | { readonly kind: "issued"; readonly days: number };

const usualDays = 365;

/**
 * Reads `taiga:tls`: `{ certificate, key }`, both PEM, for a certificate of one's own, or `{ days }` for the life of the
 * stack's (default: 365).
 * @param entry the address users know, which the certificate should be for when they use no name.
 */
export function readTls(
  raw: unknown,
  entry: string,
  now = new Date(),
): { tls: TlsSettings; problems: Problem[]; warnings: Problem[] } {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const complain = (field: string, message: string) => problems.push({ field, message });
  const result = (tls: TlsSettings) => ({ tls, problems, warnings });
  const usual: TlsSettings = { kind: "issued", days: usualDays };
  if (raw === undefined || raw === null) return result(usual);
  if (typeof raw !== "object" || Array.isArray(raw)) {
    complain("taiga:tls", "is no mapping; write one with certificate and key, or with days");
    return result(usual);
  }
  const known = ["certificate", "key", "days"];
  for (const name of Object.keys(raw).filter((each) => !known.includes(each)))
    complain(`taiga:tls.${name}`, `is no known field; write one of ${known.join(", ")}`);
  const { certificate, key, days } = raw as { certificate?: unknown; key?: unknown; days?: unknown };
  if (certificate === undefined && key === undefined) {
    if (days === undefined) return result(usual);
    if (Number.isInteger(days) && Number(days) >= 1 && Number(days) <= 825)
      return result({ kind: "issued", days: Number(days) });
    complain("taiga:tls.days", `${JSON.stringify(days)} is no life of a certificate; write 1 to 825`);
    return result(usual);
  }
  if (days !== undefined)
    complain("taiga:tls.days", `${JSON.stringify(days)} is for the stack's own certificate; take it out`);
  const parsed = attempt(() => new X509Certificate(String(certificate)));
  // Neither the key nor what a parser says of it may be shown.
  const secret = attempt(() => createPrivateKey(String(key)));
  if (!parsed) complain("taiga:tls.certificate", "is no certificate; write it as PEM, the chain after it");
  if (!secret)
    complain(
      "taiga:tls.key",
      "is no private key; pulumi config set --secret --path taiga:tls.key, as PEM without a passphrase",
    );
  if (!parsed || !secret) return result(usual);
  if (!parsed.checkPrivateKey(secret)) complain("taiga:tls.key", "is not the key of taiga:tls.certificate");
  const end = new Date(parsed.validTo);
  if (end <= now) complain("taiga:tls.certificate", `ended on ${parsed.validTo}; write one that is good`);
  else if (end.getTime() - now.getTime() < 30 * 24 * 3600 * 1000)
    warnings.push({ field: "taiga:tls.certificate", message: `ends on ${parsed.validTo}` });
  if (!parsed.subjectAltName?.includes("DNS:") && !parsed.checkIP(entry))
    warnings.push({ field: "taiga:tls.certificate", message: `is not for the entry address ${entry}` });
  return result({ kind: "own", bundle: `${String(key).trim()}\n${String(certificate).trim()}\n` });
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
