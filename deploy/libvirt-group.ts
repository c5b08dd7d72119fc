import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { asRoot, rootWay } from "./as-root";
import { answers, libvirtUri } from "./libvirtd";
import { quoted } from "./shell";

const group = "libvirt";
/** In the environment of a process that was started to have the group. */
const mark = "TAIGA_IN_LIBVIRT_GROUP";

/** Whether this process was started anew to have the group, by one that has said what there is to do. */
export const isContinued = (): boolean => process.env[mark] !== undefined;

/** Who is in libvirt's group may use it without being root. @returns undefined where there is no such group. */
export function libvirtGroup(file = "/etc/group"): { id: number; members: string[] } | undefined {
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${group}:`));
  const [, , id, members = ""] = line?.split(":") ?? [];
  return id === undefined ? undefined : { id: Number(id), members: members.split(",").filter(Boolean) };
}

/**
 * Makes a user who is not root a member of libvirt's group where libvirt does not answer otherwise, and runs this command
 * once more with it: a session has only the groups that it began with.
 * @returns whether that has been done, and this process has nothing left to do.
 */
export async function continuedInGroup(say: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() === 0 || isContinued() || !/:\/\/\/system$/.test(libvirtUri)) return false;
  const found = libvirtGroup();
  if (!found || process.getgroups?.().includes(found.id) || answers(libvirtUri)) return false;
  const user = userInfo().username;
  if (!found.members.includes(user)) {
    if (rootWay() === "none")
      throw new Error(
        `${user} may not use libvirt. Please run this line, then this again:\n  sudo usermod -aG ${group} ${user}`,
      );
    say(`making ${user} a member of the group ${group}, which may use libvirt`);
    const [command, args] = asRoot("usermod", ["-aG", group, user]);
    const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`usermod: ${stderr}`);
  }
  say(
    `going on with the group ${group}; for virsh and pulumi in this shell: newgrp ${group}, or log in again`,
  );
  process.exitCode = await again();
  return true;
}

function again(): Promise<number> {
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const command = words.map(quoted).join(" ");
  return new Promise((resolve, reject) => {
    const child = spawn("sg", [group, "-c", `exec ${command}`], {
      stdio: "inherit",
      env: { ...process.env, [mark]: "yes" },
    });
    // A terminal's interrupt reaches the child by itself, which answers it; what is sent to this process alone does not.
    process.on("SIGINT", () => {});
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}
