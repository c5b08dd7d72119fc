import type { FleetClient } from "../clients/fleet";
import type { Connection } from "../connection";
import { isGlobal } from "./unit-file";

/** Says what a unit lacks to be up: nothing, or on which machine it is not active, in whose words. */
export async function lackingOf(fleet: FleetClient, names: readonly string[]): Promise<string | undefined> {
  const [units, states, machines] = await Promise.all([fleet.units(), fleet.states(), fleet.listMachines()]);
  const lacks: string[] = [];
  for (const name of names) {
    const unit = units.find((each) => each.name === name);
    if (!unit) {
      lacks.push(`${name} is not in fleet`);
      continue;
    }
    const wanted = isGlobal(unit.options) ? machines.map(({ id }) => id) : [unit.machineID];
    for (const id of wanted) {
      const state = states.find((each) => each.name === name && each.machineID === id);
      const where = machines.find((machine) => machine.id === id)?.primaryIP ?? "no machine yet";
      if (state?.systemdActiveState !== "active") {
        lacks.push(
          `${name} on ${where} is ${state ? `${state.systemdActiveState}/${state.systemdSubState}` : "not loaded"}`,
        );
      }
    }
  }
  return lacks.length > 0 ? lacks.join(", ") : undefined;
}

/** A unit that systemd has given up on, with its last log lines from the machine it failed on. */
export async function failures(
  connection: Connection,
  fleet: FleetClient,
  names: readonly string[],
): Promise<string> {
  const [states, machines] = await Promise.all([fleet.states(), fleet.listMachines()]);
  const bad = states.filter(
    ({ name, systemdActiveState }) => names.includes(name) && systemdActiveState !== "active",
  );
  const logs = await Promise.all(
    bad.slice(0, 3).map(async ({ name, machineID }) => {
      const address = machines.find(({ id }) => id === machineID)?.primaryIP;
      const machine = connection.machines.find((each) => each.address === address);
      if (!machine) return "";
      const { stdout } = await connection.ssh.exec(
        machine,
        `sudo journalctl -u '${name}' -n 15 --no-pager -o cat`,
      );
      return `\n${name} on ${machine.name}, its last log lines:\n${stdout.trimEnd()}`;
    }),
  );
  return logs.join("");
}
