import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** One command of the suite. Parts that are test files count their tests, others count as one. */
export interface Part {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** After which it is given up. */
  readonly minutes: number;
  /** It judges how long things take, or takes all of the host: nothing else runs beside it. */
  readonly alone: boolean;
}

/** Parts that promise few seconds, or of which one is enough for the host. */
const alone =
  /^(provider\/members|e2e\/(availability|entry|growth|shape)|faults\/matrix|thorough\/)|on virtual machines$/;

export const root = resolve(__dirname, "../..");

const testFiles = (folder: string): string[] =>
  readdirSync(join(root, "tests", folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => join("tests", folder, name));

const nodeTest = (files: readonly string[], concurrency: number): string[] => [
  ...[process.execPath, "--import", "tsx", "--test", `--test-concurrency=${concurrency}`],
  ...["--test-reporter=spec", "--test-reporter-destination=stdout", ...files],
];

function shellFiles(): string[] {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  return files
    .split("\n")
    .filter((name) => /\.sh$/.test(name) || (!/\.\w+$/.test(name) && name && startsAsShell(name)));
}

function startsAsShell(name: string): boolean {
  try {
    return /^#!.*\b(ba|da)?sh\b/.test(readFileSync(join(root, name), "utf8").slice(0, 80));
  } catch {
    return false;
  }
}

export function allParts(chosen: { readonly fast: boolean; readonly thorough: boolean }): Part[] {
  const unit = testFiles("unit");
  const parts: Omit<Part, "alone">[] = [
    { name: "lint", command: ["npx", "--no-install", "biome", "check", "--error-on-warnings"], minutes: 3 },
    { name: "types", command: ["npx", "--no-install", "tsc", "--noEmit", "-p", "."], minutes: 5 },
    { name: "shellcheck", command: ["shellcheck", ...shellFiles()], minutes: 3 },
    { name: "unit", command: nodeTest(unit, 2), minutes: 15 },
  ];
  const folders = [
    "contract",
    "e2e",
    ...(chosen.fast ? [] : ["faults"]),
    ...(chosen.thorough ? ["thorough"] : []),
  ];
  for (const file of folders.flatMap(testFiles)) {
    const part = { name: partName(file), command: nodeTest([file], 1), minutes: 70 };
    if (!/E2E_KIND/.test(readFileSync(join(root, file), "utf8"))) parts.push(part);
    else {
      parts.push({ ...part, name: `${part.name} on containers`, env: { E2E_KIND: "container" } });
      if (!chosen.fast)
        parts.push({ ...part, name: `${part.name} on virtual machines`, env: { E2E_KIND: "auto" } });
    }
  }
  // After those with all of Taiga: they are shorter, and fill what is left of the last one's time.
  const light = [...testFiles("sdk"), ...testFiles("provider")];
  for (const file of light) parts.push({ name: partName(file), command: nodeTest([file], 1), minutes: 20 });
  // Virtual machines last: what fails on the faster ones need not be waited for on them.
  const late = ({ name }: { name: string }) => Number(name.endsWith("on virtual machines"));
  return parts
    .sort((one, other) => late(one) - late(other))
    .map((part) => ({ ...part, alone: alone.test(part.name) }));
}

const partName = (file: string): string => file.replace(/^tests\//, "").replace(/\.test\.ts$/, "");
