import { execFileSync } from "node:child_process";

const ebtables = (...args: string[]): string =>
  execFileSync("ebtables-nft", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** Rules of a chain of their own, which is gone with all of them. */
const chainOf = (prefix: string): string => `${prefix}-cut`;

/** Drops frames between a machine's end of the bridge and all others; this host goes on reaching it. Another cut of the stack's is mended. */
export function cutOff(prefix: string, port: string): void {
  mend(prefix);
  const chain = chainOf(prefix);
  ebtables("-N", chain, "-P", "RETURN");
  for (const direction of ["-i", "-o"]) ebtables("-A", chain, direction, port, "-j", "DROP");
  ebtables("-I", "FORWARD", "-j", chain);
}

/** Ends that; also what an interrupted run has left. */
export function mend(prefix: string): void {
  const chain = chainOf(prefix);
  const rules = ebtables("-L");
  if (rules.includes(`-j ${chain}\n`)) ebtables("-D", "FORWARD", "-j", chain);
  if (!rules.includes(`Bridge chain: ${chain},`)) return;
  ebtables("-F", chain);
  ebtables("-X", chain);
}
