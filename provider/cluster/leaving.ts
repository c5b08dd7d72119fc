import { FleetClient } from "../clients/fleet";
import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import { snapshot } from "../fleet/gate/readings";
import { Interrupted, interruption } from "../interrupt";
import { waitUntil } from "../progress";
import { memberFolder } from "./bootstrap";
import { notEmptied, placesOn } from "./emptying";
import { removeMember } from "./members";

/** Seconds for its units to be active elsewhere; an emulated machine starts a container in half a minute. */
const patience = 180;

/**
 * Takes a machine out of the cluster for good, when the others are whole: fleet moves its units, etcd lets the member go while
 * it still runs, so that a quorum never waits for it, and what it knew of the cluster is deleted from its data volume.
 * May be repeated from wherever it was cut off.
 * @throws Interrupted when it was interrupted before etcd let the member go. Whatever it throws, the machine is back at work.
 */
export async function leave(connection: Connection, machine: Machine, what: string): Promise<void> {
  try {
    await empty(connection, machine);
    if (interruption.aborted) throw new Interrupted(what);
    await removeMember(connection, machine);
  } catch (error) {
    await backToWork(connection, machine);
    throw error;
  }
  await tryOn(
    connection,
    machine,
    `systemctl stop docker.socket docker flanneld etcd; rm -rf ${memberFolder} /var/lib/data/flannel; sync`,
  );
}

/** fleetd ends its units when it is stopped, and the others' start them there. */
async function empty(connection: Connection, machine: Machine): Promise<void> {
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const { movable, bound } = placesOn(await snapshot(fleet), machine.address);
  if (bound.length > 0) console.error(`${machine.name}: ends with it, bound to it: ${bound.join(", ")}`);
  await tryOn(connection, machine, "systemctl stop fleet.socket fleet");
  const wait = {
    what: `${machine.name}: its units to run elsewhere`,
    timeoutSeconds: patience,
    lookAt: "fleetctl list-units, and what the units ask of a machine",
  };
  await waitUntil(wait, async () => notEmptied(await snapshot(fleet), machine.address, movable)).catch(
    (error: Error) => {
      if (error instanceof Interrupted) throw error;
      console.error(`${error.message}; it leaves all the same`); // there may be no place for them any more
    },
  );
}

/** A machine that is dead already has nothing to end. */
async function tryOn(connection: Connection, machine: Machine, commands: string): Promise<void> {
  await connection.ssh
    .exec(machine, `sudo sh -c '${commands}'`, { timeoutSeconds: 120 })
    .catch((error: Error) => console.error(`${machine.name}: passed over: ${error.message}`));
}

export async function backToWork(connection: Connection, machine: Machine): Promise<void> {
  await connection.ssh
    .succeed(machine, "sudo systemctl start --no-block taiga.target")
    .catch((error: Error) => console.error(`${machine.name}: not started again: ${error.message}`));
}
