import { FleetClient } from "../provider/clients/fleet";
import { Connection } from "../provider/connection";
import { closest } from "../provider/fleet/closest";
import { openStack } from "./open-stack";
import { quoted } from "./shell";
import { connect, findTarget, type Target, targets } from "./ssh";

const usage = `usage: npm run journal -- [--stack STACK] UNIT [OPTION...]

What a unit has said, on every machine where fleet has it: the last 50 lines, or what options of journalctl ask for (-n 500, -f,
--since -1h, -o cat). Unlike \`fleetctl journal\` on a machine, it needs no way from there to the others.
`;

/** Unit and options for journalctl, as words of a shell. */
export const command = (unit: string, options: readonly string[]): string =>
  ["sudo", "journalctl", "--no-pager", "-u", unit, ...(options.length > 0 ? options : ["-n", "50"])]
    .map(quoted)
    .join(" ");

/** The addresses of the machines where fleet has a unit. @throws Error where it has none of that name */
export async function placesOf(fleet: FleetClient, unit: string): Promise<string[]> {
  const [states, machines] = await Promise.all([fleet.states(), fleet.listMachines()]);
  const here = new Set(states.filter(({ name }) => name === unit).map(({ machineID }) => machineID));
  if (here.size > 0) return machines.filter(({ id }) => here.has(id)).map(({ primaryIP }) => primaryIP);
  const meant = closest(unit, [...new Set(states.map(({ name }) => name))]);
  throw new Error(
    `fleet has no ${unit} on any machine${meant ? `; did you mean ${meant}?` : ""} All there are: npm run ssh -- 1 'fleetctl list-units'`,
  );
}

async function main(args: string[]): Promise<void> {
  let wanted: string | undefined;
  if (args[0] === "--stack") [, wanted, ...args] = args;
  const [name, ...options] = args;
  if (!name || name.startsWith("-")) throw new Error(usage);
  const unit = name.includes(".") ? name : `${name}.service`;
  const { name: stack, config } = await openStack(wanted);
  const connection = Connection.fromConfig({ get: (key) => config[key]?.value });
  let found: Target[];
  try {
    const all = targets(config, stack);
    const addresses = await placesOf(new FleetClient(connection.machines, connection.ssh), unit);
    found = addresses.map((address) => {
      const { name: machine } = connection.machines.find((each) => each.address === address) ?? {
        name: address,
      };
      return findTarget(all, machine);
    });
  } finally {
    await connection.close();
  }
  const show = async (target: Target) => {
    if (found.length > 1) console.log(`== ${target.name}`);
    const code = await connect(target, connection.credentials, [command(unit, options)]);
    process.exitCode ||= code;
  };
  if (options.some((option) => /^(-f|--follow)$/.test(option))) await Promise.all(found.map(show));
  else for (const target of found) await show(target);
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 255;
  });
}
