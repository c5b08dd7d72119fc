import { Connection } from "../provider/connection";
import { mintCertificate } from "../provider/credentials";
import { openStack } from "./open-stack";
import { quoted } from "./shell";
import { findTarget, targets } from "./ssh";

const usage = `usage: npm run etcdctl -- [--stack STACK] MACHINE ARGUMENT...

etcdctl on a machine as the root of etcd's users, for what \`sudo etcdctl\` there may not: members, users and roles, snapshots,
alarms. The certificate is made for this one command and is good for a day; the machine keeps nothing of it.
MACHINE is a name such as taiga-dev-1, or just its number.
`;

/** A script that has the certificate in a folder of memory that only root can read, for as long as etcdctl runs. */
export const script = (
  { certificate, key }: { readonly certificate: string; readonly key: string },
  args: readonly string[],
): string => `set -e
umask 077
own=$(mktemp -d -p /run)
trap 'rm -rf "$own"' EXIT
cat >"$own/crt" <<'PEM'
${certificate.trim()}
PEM
cat >"$own/key" <<'PEM'
${key.trim()}
PEM
set -a
. /etc/taiga/etcdctl.env
ETCDCTL_CERT=$own/crt ETCDCTL_KEY=$own/key
/opt/taiga/bin/etcdctl ${args.map(quoted).join(" ")} </dev/null
`;

async function main(args: string[]): Promise<void> {
  let wanted: string | undefined;
  if (args[0] === "--stack") [, wanted, ...args] = args;
  const [machine, ...command] = args;
  if (!machine || machine.startsWith("-") || command.length === 0) throw new Error(usage);
  const { name: stack, config } = await openStack(wanted);
  const connection = Connection.fromConfig({ get: (key) => config[key]?.value });
  const target = findTarget(targets(config, stack), machine);
  const certificate = await mintCertificate(connection.credentials, {
    commonName: "root",
    days: 1,
    end: "client",
  });
  try {
    const { code, stdout, stderr } = await connection.ssh.exec(connection.at(target), "sudo sh -s", {
      input: script(certificate, command),
    });
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    process.exitCode = code ?? 255;
  } finally {
    await connection.close();
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 255;
  });
}
