import type { Etcd3 } from "etcd3";
import { type EtcdUser, root } from "./users";

/** One of etcd's permissions, its keys base64. */
type Range = `${string} ${string}`;

const range = (key: Buffer, end: Buffer): Range => `${key.toString("base64")} ${end.toString("base64")}`;

/** All below a prefix, as etcd describes it: from the prefix to the next that it does not begin. */
export function rangeOf(prefix: string): { readonly key: Buffer; readonly range_end: Buffer } {
  if (prefix === "") return { key: Buffer.of(0), range_end: Buffer.of(0) };
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) as number) + 1; // a slash
  return { key: Buffer.from(prefix), range_end: end };
}

/**
 * Makes users and rights of etcd's v3 API what they are to be, and has etcd ask for them. What is right already is left as
 * it is: each change makes etcd refuse who asks it at that moment. May be repeated from wherever it was cut off.
 */
export async function authorize(etcd: Etcd3, users: readonly EtcdUser[]): Promise<void> {
  const { auth } = etcd;
  const roles = (await auth.roleList()).roles ?? [];
  const known = (await auth.userList()).users ?? [];
  for (const { name, password, prefixes } of [{ name: root, prefixes: [] } as EtcdUser, ...users]) {
    if (!roles.includes(name)) await auth.roleAdd({ name });
    if (name !== root) await grant(etcd, name, prefixes);
    if (!known.includes(name))
      await auth.userAdd(password ? { name, password } : { name, options: { no_password: true } });
    const { roles: had = [] } = await auth.userGet({ name });
    if (!had.includes(name)) await auth.userGrantRole({ user: name, role: name });
    for (const role of had.filter((each) => each !== name)) await auth.userRevokeRole({ name, role });
  }
  if (!(await auth.authStatus()).enabled) await auth.authEnable();
  for (const { name, password } of users)
    if (password)
      await auth.authenticate({ name, password }).catch((error: Error) => {
        if (!/authentication failed/.test(error.message)) throw error;
        return auth.userChangePassword({ name, password });
      });
}

async function grant({ auth }: Etcd3, role: string, prefixes: readonly string[]): Promise<void> {
  const { perm: had = [] } = await auth.roleGet({ role });
  const wanted = new Map(prefixes.map(rangeOf).map((each) => [range(each.key, each.range_end), each]));
  for (const { key, range_end, permType } of had) {
    const isWanted = wanted.get(range(key, range_end)) && permType === "Readwrite";
    if (isWanted) wanted.delete(range(key, range_end));
    else await auth.roleRevokePermission({ role, key, range_end });
  }
  for (const each of wanted.values())
    await auth.roleGrantPermission({ name: role, perm: { permType: "Readwrite", ...each } });
}

/** Whether etcd asks for users at all. */
export const isEnabled = async (etcd: Etcd3): Promise<boolean> =>
  (await etcd.auth.authStatus()).enabled ?? false;
