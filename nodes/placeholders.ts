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
