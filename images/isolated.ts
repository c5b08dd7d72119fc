/**
 * A command as the first process of mount and process namespaces of its own, that ends when this process does, be it by
 * SIGKILL: its mounts go with it, and nothing of it writes on in a folder which the next build makes anew.
 */
export function isolated(
  command: string,
  args: readonly string[],
  more: readonly string[] = [],
): [string, string[]] {
  return [
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...more,
      ...["--", command, ...args],
    ],
  ];
}
