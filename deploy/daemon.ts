import { existsSync } from "node:fs";

/** True where systemd runs as the service manager, not merely is installed. */
export const hasServiceManager = (): boolean => existsSync("/run/systemd/system");

/**
 * The command that starts a daemon where nothing manages services. What the daemon leaves running (a machine's QEMU, a
 * network's dnsmasq) is waited for by tini: the first process of such a host may do that late or never, and libvirtd takes a
 * machine for ended only then.
 * @param log a file that both of its streams are appended to.
 */
export const daemonCommand = (daemon: readonly string[], log: string): [string, string[]] => [
  "setsid",
  ["--fork", "sh", "-c", 'cd / && exec tini -s -- "$@" </dev/null >>"$0" 2>&1', log, ...daemon],
];
