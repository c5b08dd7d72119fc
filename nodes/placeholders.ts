import type { Problem } from "./reader";

/** What a description may name in double braces, such as `{{address}}`: one machine's own. */
export interface NodeValues {
  readonly name: string;
  /** From 1; units choose a machine by it with MachineMetadata=index=1. */
  readonly index: number | string;
  readonly address: string;
  readonly prefixLength: number | string;
  readonly gateway: string;
  readonly mac: string;
  /** 32 hexadecimal digits. */
  readonly machineId: string;
  /** An authorized_keys line. */
  readonly operatorKey: string;
  /** An OpenSSH private key; the rendered Ignition is a secret for its sake. */
  readonly hostKey: string;
}

/** Some machine's values, to check a description by before there is a machine. */
export const exampleValues: NodeValues = {
  name: "example-1",
  index: 1,
  address: "10.77.0.11",
  prefixLength: 24,
  gateway: "10.77.0.1",
  mac: "52:54:00:00:00:0b",
  machineId: "0123456789abcdef0123456789abcdef",
  operatorKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGUtZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUh example",
  hostKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nexample\n-----END OPENSSH PRIVATE KEY-----\n",
};

/**
 * Fills every text of a parsed document. Done after parsing, so that no value can change what the YAML means, be it of
 * several lines or full of quotes.
 */
export function fillPlaceholders(
  document: unknown,
  values: NodeValues,
  path: string,
  problems: Problem[],
): unknown {
  if (typeof document === "string") {
    return document.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => {
      if (Object.hasOwn(values, name)) return String(values[name as keyof NodeValues]).trimEnd();
      const known = Object.keys(values).map((each) => `{{${each}}}`);
      problems.push({ path, message: `names ${whole}; write one of ${known.join(", ")}` });
      return whole;
    });
  }
  if (Array.isArray(document)) {
    return document.map((each, index) => fillPlaceholders(each, values, `${path}[${index}]`, problems));
  }
  if (typeof document === "object" && document !== null) {
    return Object.fromEntries(
      Object.entries(document).map(([key, each]) => [
        key,
        fillPlaceholders(each, values, path ? `${path}.${key}` : key, problems),
      ]),
    );
  }
  return document;
}
