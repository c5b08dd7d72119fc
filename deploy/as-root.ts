import { spawnSync } from "node:child_process";

/** Whether sudo makes this user root without asking. */
export const sudoAsksNothing = (): boolean =>
  spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0;

/** How this user may become root: already is, by sudo without a question, by sudo with one, or not at all. */
export function rootWay(): "root" | "sudo" | "none" {
  if (process.getuid?.() === 0) return "root";
  if (sudoAsksNothing()) return "sudo";
  // sudo asks on the terminal itself, whatever standard input is.
  const asked = process.stdin.isTTY && spawnSync("sudo", ["-v"], { stdio: "inherit" }).status === 0;
  return asked ? "sudo" : "none";
}

/** @throws Error with the line to copy, where this user cannot become root. */
export function checkRootWay(what: string, line: string): void {
  if (rootWay() === "none")
    throw new Error(`${what}. Please run this line as root, then ./deploy.sh again:\n  ${line}`);
}

/** A command as root: itself where we are root, through sudo otherwise. */
export function asRoot(command: string, args: readonly string[]): [string, string[]] {
  return process.getuid?.() === 0 ? [command, [...args]] : ["sudo", [command, ...args]];
}
