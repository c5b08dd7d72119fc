import { randomBytes } from "node:crypto";
import type { EtcdClients } from "../clients/etcd";
import type { HttpMethod } from "../clients/etcd-http";
import { fleetRegistry, fleetUser, root } from "./users";

/** https://etcd.io/docs/v2.3/auth_api/: what a role may do; a final star stands for whatever follows. */
interface Permissions {
  readonly kv: { readonly read: readonly string[] | null; readonly write: readonly string[] | null };
}

/** All that comes without a user's certificate. etcd gives it every right when it is not there. */
const guest = "guest";

const rights: Readonly<Record<string, readonly string[]>> = {
  [guest]: [],
  [fleetUser]: [`${fleetRegistry}*`],
};

/**
 * Closes the v2 API to all but fleet. Users are known by their certificates; each must have a password, and gets one that is
 * forgotten at once. What is right already is left as it is; may be repeated from wherever it was cut off.
 */
export async function closeRegistry(etcd: EtcdClients): Promise<void> {
  for (const [role, paths] of Object.entries(rights)) {
    const kv = { read: paths, write: paths };
    const had = await ask<{ permissions: Permissions }>(etcd, "GET", `roles/${role}`);
    if (!had) {
      await ask(etcd, "PUT", `roles/${role}`, { role, permissions: { kv } });
      continue;
    }
    const read = had.permissions.kv.read ?? [];
    const write = had.permissions.kv.write ?? [];
    if (read.join() === paths.join() && write.join() === paths.join()) continue;
    if (read.length + write.length > 0)
      await ask(etcd, "PUT", `roles/${role}`, { role, revoke: { kv: { read, write } } });
    if (paths.length > 0) await ask(etcd, "PUT", `roles/${role}`, { role, grant: { kv } });
  }
  for (const user of [root, fleetUser]) {
    if (await ask(etcd, "GET", `users/${user}`)) continue;
    const password = randomBytes(32).toString("hex");
    await ask(etcd, "PUT", `users/${user}`, { user, password, roles: [user] });
  }
  if (!(await registryIsClosed(etcd))) await ask(etcd, "PUT", "enable");
}

/** Whether etcd asks for users of its v2 API at all. */
export const registryIsClosed = async (etcd: EtcdClients): Promise<boolean> =>
  (await ask<{ enabled: boolean }>(etcd, "GET", "enable"))?.enabled ?? false;

/** @returns undefined for what is not there. */
async function ask<T>(
  etcd: EtcdClients,
  method: HttpMethod,
  path: string,
  body?: unknown,
): Promise<T | undefined> {
  const { status, body: said } = await etcd.request(method, `/v2/auth/${path}`, body);
  if (status === 404) return undefined;
  if (status < 300) return said as T;
  throw new Error(`etcd: ${method} /v2/auth/${path}: ${status} ${JSON.stringify(said)}`);
}
