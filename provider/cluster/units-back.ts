import { FleetClient } from "../clients/fleet";
import type { Machine } from "../clients/ssh";
import type { Connection } from "../connection";
import { lacksAt } from "../fleet/gate/lacks";
import { look } from "../fleet/gate/readings";
import { withoutStale } from "../fleet/gate/systemd";
import { waitUntil } from "../progress";

/** Seconds; units of emulated machines take minutes. */
const patience = 900;

/**
 * A machine that comes back brings members of the database and the broker, which must be with the others before the next
 * machine goes. A unit that cannot become active holds up nobody for good: the change may be what puts it right.
 */
export async function untilUnitsAreBack(connection: Connection, { name, address }: Machine): Promise<void> {
  const fleet = new FleetClient(connection.machines, connection.ssh);
  const begun = Date.now();
  const every = 2; // seconds, for which a look is good enough for all who come back side by side
  await waitUntil(
    {
      what: `${name}: its units`,
      timeoutSeconds: patience,
      lookAt: `fleetctl list-units (npm run ssh -- ${name})`,
      everySeconds: every,
    },
    async () => {
      const since = Math.max(begun, Date.now() - every * 1000);
      const seen = await look(connection, fleet, since);
      const lacks = await withoutStale(connection, lacksAt(seen.value, address), seen.begun);
      return lacks.length > 0 ? lacks.map(({ says }) => says).join(", ") : undefined;
    },
  ).catch((error: Error) => console.error(`${error.message}; going on`));
}
