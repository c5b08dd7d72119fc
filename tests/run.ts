import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { cacheDir } from "../deploy/cache";
import { ensureHostPackages, hostPackages } from "../deploy/host-packages";
import { type LibvirtObject, libvirtObjects, removeObject } from "../deploy/libvirt-objects";
import { ensureLibvirtd } from "../deploy/libvirtd";
import { duration, runSteps } from "../deploy/steps";

const usage = `usage: npm test [-- --fast] [-- --only PATTERN] [-- --list]

  --fast           leave out virtual machines and interrupted commands (npm run test:fast)
  --only PATTERN   only the parts whose name contains PATTERN, e.g. unit, provider, e2e/cluster
  --list           print the parts and run nothing
`;

/** One command of the suite. Parts that are test files count their tests, others count as one. */
interface Part {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly minutes: number;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const root = resolve(__dirname, "..");
/** Every process of the suite has this in its environment, so that what outlives its parent is found. */
const mark = `TAIGA_TEST_RUN=${process.pid}-${Date.now()}`;
const logs = join(cacheDir(), "logs");

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

function allParts(fast: boolean): Part[] {
  const unit = testFiles("unit");
  const parts: Part[] = [
    { name: "lint", command: ["npx", "--no-install", "biome", "check", "--error-on-warnings"], minutes: 3 },
    { name: "types", command: ["npx", "--no-install", "tsc", "--noEmit", "-p", "."], minutes: 5 },
    { name: "shellcheck", command: ["shellcheck", ...shellFiles()], minutes: 3 },
    { name: "unit", command: nodeTest(unit, 2), minutes: 15 },
  ];
  const heavy = [...testFiles("sdk"), ...testFiles("provider")];
  for (const file of heavy) parts.push({ name: partName(file), command: nodeTest([file], 1), minutes: 20 });
  for (const file of [...testFiles("e2e"), ...(fast ? [] : testFiles("faults"))]) {
    const part = { name: partName(file), command: nodeTest([file], 1), minutes: 70 };
    if (!/E2E_KIND/.test(readFileSync(join(root, file), "utf8"))) parts.push(part);
    else {
      parts.push({ ...part, name: `${part.name} on containers`, env: { E2E_KIND: "container" } });
      if (!fast) parts.push({ ...part, name: `${part.name} on virtual machines`, env: { E2E_KIND: "auto" } });
    }
  }
  // Virtual machines last: what fails on the faster ones need not be waited for on them.
  const late = (part: Part) => Number(part.name.endsWith("on virtual machines"));
  return parts.sort((one, other) => late(one) - late(other));
}

const partName = (file: string): string => file.replace(/^tests\//, "").replace(/\.test\.ts$/, "");

/** Runs one part, its output passed through, and counts from node's summary or the exit code. */
function runPart(part: Part): Promise<Count> {
  console.log(`\n── ${part.name}`);
  const begun = Date.now();
  return new Promise((done) => {
    const [name, value] = mark.split("=") as [string, string];
    const child = spawn(part.command[0] as string, part.command.slice(1), {
      cwd: root,
      // Colours and the outer runner's context would change what the tests print and count.
      env: { ...withoutNodeTest(process.env), ...part.env, [name]: value },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let summary = "";
    let heard = Date.now();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      heard = Date.now();
      summary = (summary + text).slice(-8000);
      process.stdout.write(text);
    });
    const heartbeat = setInterval(() => {
      if (Date.now() - heard < 20_000) return;
      heard = Date.now();
      console.log(`   ${part.name}: still at it after ${duration((Date.now() - begun) / 1000)}`);
    }, 1000);
    const limit = setTimeout(() => {
      console.log(`   ${part.name}: given up after ${part.minutes} min`);
      endStragglers();
    }, part.minutes * 60_000);
    const finish = (code: number | null, problem?: Error) => {
      clearInterval(heartbeat);
      clearTimeout(limit);
      if (problem) console.log(problem.message);
      const figure = (what: string) =>
        Number([...summary.matchAll(new RegExp(`^. ${what} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
      const passed = figure("pass");
      const failed = figure("fail") + figure("cancelled");
      const counted = passed + failed > 0;
      console.log(
        `   ${part.name}: ${code === 0 ? "passed" : "FAILED"} in ${duration((Date.now() - begun) / 1000)}`,
      );
      if (code === 0) done({ passed: counted ? passed : 1, failed: 0 });
      else done({ passed: counted ? passed : 0, failed: Math.max(1, failed) });
    };
    child.once("error", (error) => finish(1, error));
    child.once("close", (code) => finish(code));
  });
}

function withoutNodeTest(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _, FORCE_COLOR: __, ...rest } = env;
  return rest;
}

/** Ends what this run started and nobody waited for. */
function endStragglers(): number {
  let ended = 0;
  for (const pid of readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  )) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(mark)) continue;
      process.kill(Number(pid), "SIGKILL");
      ended += 1;
    } catch {
      // It ended while being looked at, or belongs to another user.
    }
  }
  return ended;
}

/** Prefixes of the suite's own stacks: e2e*, and taiga-test-* of provider tests. */
const isOurs = ({ name }: Pick<LibvirtObject, "name">): boolean => /^taiga-(e2e|test)/.test(name);

/** Removes processes, libvirt objects and network namespaces of the suite that its tests left. */
async function cleanUp(): Promise<string[]> {
  const removed: string[] = [];
  const processes = endStragglers();
  if (processes > 0) removed.push(`${processes} processes`);
  for (const object of (await libvirtObjects().catch(() => [])).filter(isOurs)) {
    await removeObject(object).catch((error: Error) => console.log(`   ${error.message}`));
    removed.push(`${object.kind} ${object.name}`);
    if (object.kind === "pool") removePool(object.name);
  }
  for (const line of output("ip", ["netns", "list"]).split("\n")) {
    const name = line.split(" ")[0] ?? "";
    if (!/^taiga-(e2e|test)/.test(name)) continue;
    execFileSync("ip", ["netns", "delete", name]);
    removed.push(`namespace ${name}`);
  }
  for (const folder of [tmpdir(), join(cacheDir(), "claims")]) removeOurs(folder);
  return removed;
}

/** A suite that was killed leaves the checkouts of its stacks, and in them who holds their names and networks. */
function removeOurs(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((each) => isOurs({ name: each })))
    rmSync(join(folder, name), { recursive: true, force: true });
}

function output(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

/** The folder of a suite's pool, with the overlay mounts of container machines. */
function removePool(name: string): void {
  const folder = `/var/lib/taiga/${name}`;
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path === folder || path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) execFileSync("umount", ["-l", path]);
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      fast: { type: "boolean" },
      only: { type: "string" },
      list: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return console.log(usage);
  const parts = allParts(values.fast ?? false).filter((part) => part.name.includes(values.only ?? ""));
  if (values.list) return console.log(parts.map(({ name }) => name).join("\n"));
  if (parts.length === 0) throw new Error(`no part's name contains ${values.only}`);

  mkdirSync(logs, { recursive: true });
  const needsHost = parts.some(({ name }) => /^(provider|e2e|faults)/.test(name));
  if (needsHost && process.getuid?.() !== 0)
    throw new Error(
      "the parts with machines make and end them by themselves, as root: sudo npm test; without root: npm test -- --only unit",
    );
  await runSteps(
    [
      {
        name: "packages",
        run: (progress) =>
          ensureHostPackages(progress, { ...(needsHost ? hostPackages : {}), shellcheck: "shellcheck" }),
      },
      ...(needsHost ? [{ name: "libvirt", after: ["packages"], run: ensureLibvirtd }] : []),
    ],
    { write: (line) => console.log(line), logOf: (step) => join(logs, `tests-${step}.log`) },
  );

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void cleanUp().finally(() => process.exit(130));
    });
  }
  let total: Count = { passed: 0, failed: 0 };
  const failures: string[] = [];
  try {
    if (needsHost) await cleanUp(); // a run that was killed leaves what its successor would stumble over
    for (const part of parts) {
      const { passed, failed } = await runPart(part);
      total = { passed: total.passed + passed, failed: total.failed + failed };
      if (failed > 0) failures.push(part.name);
    }
  } finally {
    const removed = needsHost ? await cleanUp() : [];
    if (removed.length > 0) console.log(`\nleft by tests and removed: ${removed.join(", ")}`);
  }
  if (failures.length > 0) console.log(`\nfailed: ${failures.join(", ")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

main().catch((error: Error) => {
  console.log(error.message);
  console.log("\n0 passed, 1 failed");
  process.exitCode = 1;
});
