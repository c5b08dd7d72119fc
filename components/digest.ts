import { createHash } from "node:crypto";

/** Twelve hexadecimal digits that change with the text: names things by what they hold. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}
