import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaults } from "../components/settings";
import { plan } from "../nodes/plan";
import { machineNumbers, type PoolCount } from "../nodes/pool-numbers";
import { type Credentials, hostKey, parseCredentials } from "../provider/credentials";
import { type OpenStack, openStack } from "./open-stack";

const usage = `usage: npm run ssh -- [--stack STACK] MACHINE [COMMAND]

A shell on a machine, or one command, as the user \`core\` with the stack's own key; the machine's host key is checked.
MACHINE is a name such as taiga-dev-1, or just its number. The stack is the selected one, or PULUMI_STACK.
`;

export interface Target {
  readonly name: string;
  readonly address: string;
  readonly sshPort?: number;
}

type Config = OpenStack["config"];

/** The machines of a stack's configuration, at their planned addresses or where taiga:endpoints says. */
export function targets(config: Config, stack: string): Target[] {
  // An empty text is a key's default in Pulumi.yaml, and means that it is not set.
  const text = (key: string) => config[`taiga:${key}`]?.value || undefined;
  const numbers = machineNumbers(
    JSON.parse(text("machines") ?? "{}") as PoolCount,
    JSON.parse(text("pools") ?? "{}") as Record<string, PoolCount>,
    defaults.machines.count,
  );
  const planned = plan({
    prefix: text("prefix") ?? `taiga-${stack}`,
    cidr: text("network") ?? defaults.network,
    count: Math.max(...numbers),
    numbers,
  }).machines;
  const endpoints = JSON.parse(config["taiga:endpoints"]?.value ?? "[]") as Target[];
  return planned.map(({ name, address }) => endpoints.find((one) => one.name === name) ?? { name, address });
}

/** The machine a user means: by its name, by the number that ends it, or by its address. */
export function findTarget(all: readonly Target[], wanted: string): Target {
  const found = all.find(
    ({ name, address }) => name === wanted || address === wanted || name.endsWith(`-${wanted}`),
  );
  if (found) return found;
  throw new Error(`no machine ${wanted} in this stack; it has ${all.map(({ name }) => name).join(", ")}`);
}

/** Runs ssh with key and known host in files only this user can read, which are gone afterwards. */
export function connect(
  target: Target,
  credentials: Credentials,
  command: readonly string[],
): Promise<number> {
  const folder = mkdtempSync(join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), "taiga-ssh-"));
  const key = join(folder, "key");
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(key, credentials.operatorKey, { mode: 0o600 });
  const { publicKey } = hostKey(credentials, target.address);
  writeFileSync(knownHosts, `${target.name} ${publicKey.split(" ").slice(0, 2).join(" ")}\n`, {
    mode: 0o600,
  });
  const options = {
    HostKeyAlias: target.name,
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: "/dev/null",
    StrictHostKeyChecking: "yes",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    ConnectTimeout: "30",
    ServerAliveInterval: "15",
    LogLevel: "ERROR",
  };
  const args = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  // ssh answers the terminal's signals itself; this process only must not end before it has cleaned up.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  return new Promise<number>((resolve, reject) => {
    const child = spawn(
      "ssh",
      [
        "-F",
        "none",
        "-i",
        key,
        ...args,
        "-p",
        String(target.sshPort ?? 22),
        `core@${target.address}`,
        ...command,
      ],
      { stdio: "inherit" },
    );
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 255));
  }).finally(() => rmSync(folder, { recursive: true, force: true }));
}

async function main(args: string[]): Promise<void> {
  let wanted: string | undefined;
  if (args[0] === "--stack") [, wanted, ...args] = args;
  const [machine, ...command] = args;
  if (!machine || machine.startsWith("-")) throw new Error(usage);
  const { name: stack, config } = await openStack(wanted);
  const credentials = config["taiga:credentials"]?.value;
  if (!credentials) throw new Error(`stack ${stack} has no credentials yet: ./deploy.sh ${stack}`);
  const target = findTarget(targets(config, stack), machine);
  process.exitCode = await connect(target, parseCredentials(credentials), command);
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 255;
  });
}
