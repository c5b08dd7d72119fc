import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { UnitOption } from "../fleet/unit-file";
import type { Machine, SshPool } from "./ssh";

export const desiredStates = ["inactive", "loaded", "launched"] as const;
export type DesiredState = (typeof desiredStates)[number];

export interface FleetUnit {
  readonly name: string;
  readonly options: readonly UnitOption[];
  readonly desiredState: DesiredState;
  readonly currentState?: DesiredState;
  readonly machineID?: string;
}

export interface UnitState {
  readonly name: string;
  readonly machineID: string;
  readonly systemdActiveState: string;
  readonly systemdSubState: string;
}

export interface FleetMachine {
  readonly id: string;
  readonly primaryIP: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** fleet's HTTP API (version 1) over its unix socket, by ssh to whichever machine answers. */
export class FleetClient {
  constructor(
    private readonly machines: readonly Machine[],
    private readonly ssh: SshPool,
  ) {}

  async unit(name: string): Promise<FleetUnit | undefined> {
    const { status, body } = await this.#call(
      "GET",
      `/units/${encodeURIComponent(name)}`,
      undefined,
      [200, 404],
    );
    return status === 404 ? undefined : unitOf(body as SentUnit);
  }

  /** Creates the unit, or changes the desired state of one that is there: fleet ignores new options then. */
  async put(
    name: string,
    desiredState: DesiredState,
    options: readonly UnitOption[],
  ): Promise<"created" | "changed"> {
    const body = { name, desiredState, options };
    const { status } = await this.#call("PUT", `/units/${encodeURIComponent(name)}`, body, [201, 204]);
    return status === 201 ? "created" : "changed";
  }

  /** Changes the desired state of a unit; does nothing if fleet has none of this name. */
  async want(name: string, desiredState: DesiredState): Promise<void> {
    await this.#call("PUT", `/units/${encodeURIComponent(name)}`, { name, desiredState }, [204, 409]);
  }

  async remove(name: string): Promise<void> {
    await this.#call("DELETE", `/units/${encodeURIComponent(name)}`, undefined, [204, 404]);
  }

  async units(): Promise<FleetUnit[]> {
    return (await this.#list<SentUnit>("units")).map(unitOf);
  }

  states(): Promise<UnitState[]> {
    return this.#list("states", "/state");
  }

  listMachines(): Promise<FleetMachine[]> {
    return this.#list("machines");
  }

  async #list<T>(field: string, path = `/${field}`): Promise<T[]> {
    const all: T[] = [];
    let token = "";
    do {
      const { body } = await this.#call(
        "GET",
        `${path}${token && `?nextPageToken=${encodeURIComponent(token)}`}`,
        undefined,
        [200],
      );
      const page = body as { nextPageToken?: string } & Record<string, T[] | undefined>;
      all.push(...(page[field] ?? [])); // fleet leaves an empty array out
      token = page.nextPageToken ?? "";
    } while (token);
    return all;
  }

  /** Tries each machine in turn, for about a minute: a fleetd may be down with its machine, or waiting for etcd. */
  async #call(
    method: string,
    path: string,
    body: unknown,
    accepted: readonly number[],
  ): Promise<{ status: number; body: unknown }> {
    let last = "";
    for (let round = 0; round < 6; round += 1) {
      if (round > 0) await sleep(1000 * 2 ** Math.min(round, 4));
      for (const machine of this.machines) {
        try {
          const answer = await this.#once(machine, method, path, body);
          if (accepted.includes(answer.status)) return answer;
          const { error } = (answer.body ?? {}) as { error?: { message?: string } };
          last = `${machine.name}: ${method} ${path}: ${answer.status} ${error?.message ?? ""}`;
          if (answer.status < 500) throw new Refused(last);
        } catch (error) {
          if (error instanceof Refused) throw new Error(`fleet on ${last}`);
          last = `${machine.name}: ${method} ${path}: ${(error as Error).message}`;
        }
      }
    }
    throw new Error(`fleet on ${last}; look at \`systemctl status fleet\` there (npm run ssh -- MACHINE)`);
  }

  async #once(
    machine: Machine,
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ status: number; body: unknown }> {
    const socket = await this.ssh.openUnixSocket(machine, "/run/fleet.sock");
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = request(
        {
          method,
          path: `/fleet/v1${path}`,
          headers: {
            host: "fleet",
            connection: "close",
            ...(payload
              ? { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }
              : {}),
          },
          createConnection: () => socket as never,
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          response.on("error", reject).on("end", () => {
            try {
              resolve({ status: response.statusCode ?? 0, body: text ? JSON.parse(text) : undefined });
            } catch {
              reject(new Error(`answered ${text.slice(0, 200)}`));
            }
          });
        },
      );
      // The socket is an ssh channel, which knows no timeouts of its own.
      const timer = setTimeout(() => call.destroy(new Error("no answer within 30 s")), 30_000);
      call.on("error", reject).on("close", () => clearTimeout(timer));
      call.end(payload);
    });
  }
}

/** fleet leaves out what is empty: an array without elements, and the value of an assignment that resets a list. */
type SentUnit = Omit<FleetUnit, "options"> & {
  readonly options?: readonly (Omit<UnitOption, "value"> & { readonly value?: string })[];
};

const unitOf = (sent: SentUnit): FleetUnit => ({
  ...sent,
  options: (sent.options ?? []).map(({ section, name, value = "" }) => ({ section, name, value })),
});

class Refused extends Error {}
