/** What is wrong with the text of a unit file, as the number of the line and what to write; undefined if nothing is. */
export function unitTextProblem(
  text: string,
): { readonly line: number; readonly expected: string } | undefined {
  let inSection = false;
  let continued = false;
  for (const [index, line] of text.split("\n").entries()) {
    const comment = /^\s*([#;]|$)/.test(line);
    const wasContinued = continued;
    continued = !comment ? line.endsWith("\\") : continued;
    if (comment || wasContinued) continue;
    if (/^\[[^\]]+\]\s*$/.test(line)) inSection = true;
    else if (!inSection) return { line: index + 1, expected: "a section first, such as [Service]" };
    else if (!/^\s*[A-Za-z0-9-]+\s*=/.test(line)) return { line: index + 1, expected: "Key=value" };
  }
  return inSection ? undefined : { line: 1, expected: "at least one section, such as [Service]" };
}

/** systemd can enable a unit only where its text says what wants it. */
export function isInstallable(text: string): boolean {
  return /^\[Install\]\s*$/m.test(text);
}

/** One variable as a systemd `Environment=` line, quoted by the rules of systemd.exec(5) and systemd.syntax(7). */
export function environmentLine(name: string, value: string): string {
  const quoted = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
  return `Environment="${name}=${quoted}"`;
}
