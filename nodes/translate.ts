import type { CloudConfig, CloudFile, CloudUnit, CloudUser } from "./cloud-config";
import { type DaemonSection, daemonDropIn, daemons } from "./daemons";
import { dataUrl, type File, type Ignition, type Link, type Unit, type User } from "./ignition";
import { joinUnits, mergeBy } from "./merge";
import { isInstallable } from "./unit-text";

/** Translates cloud-config to the Ignition that writes the same machine before its first boot. */
export function translate(config: CloudConfig): Ignition {
  const all = mergeBy(daemonUnits(config), config.units, "name", joinUnits);
  const units = all.filter(({ name }) => !isNetworkFile(name));
  const files = [
    ...config.write_files,
    ...hostFiles(config),
    ...all.filter(({ name }) => isNetworkFile(name)).flatMap(network),
  ];
  const links = units.filter(startsUninstalled).map(wanted);
  const users = withCoreKeys(config.users, config.ssh_authorized_keys);
  return {
    ignition: { version: "3.3.0" },
    ...(users.length > 0 ? { passwd: { users: users.map(user) } } : {}),
    ...(files.length + links.length > 0
      ? {
          storage: {
            ...(files.length > 0 ? { files: files.map(file) } : {}),
            ...(links.length > 0 ? { links } : {}),
          },
        }
      : {}),
    ...(units.length > 0 ? { systemd: { units: units.map(unit) } } : {}),
  };
}

/** The sections etcd2, fleet and flannel become drop-ins of their daemons' units. */
function daemonUnits({ daemons: sections }: CloudConfig): CloudUnit[] {
  return Object.entries(sections).map(([section, options]) => ({
    name: daemons[section as DaemonSection].unit,
    drop_ins: [daemonDropIn(section as DaemonSection, options)],
  }));
}

function hostFiles({ hostname, manage_etc_hosts, write_files }: CloudConfig): CloudFile[] {
  const written = (path: string) => write_files.some((each) => each.path === path);
  const hosts = `127.0.0.1 localhost\n${hostname ? `127.0.1.1 ${hostname}\n` : ""}`;
  return [
    ...(hostname && !written("/etc/hostname")
      ? [{ path: "/etc/hostname", content: `${hostname}\n`, permissions: "0644" }]
      : []),
    ...(manage_etc_hosts && !written("/etc/hosts")
      ? [{ path: "/etc/hosts", content: hosts, permissions: "0644" }]
      : []),
  ];
}

/** Keys at the top are `core`'s; such a user is made when the list of users has none. */
function withCoreKeys(users: readonly CloudUser[], keys: readonly string[]): readonly CloudUser[] {
  if (keys.length === 0) return users;
  const core = { name: "core", ssh_authorized_keys: keys };
  return mergeBy(users, [core], "name", (one, other) => ({
    ...one,
    ssh_authorized_keys: [
      ...new Set([...(one.ssh_authorized_keys ?? []), ...(other.ssh_authorized_keys ?? [])]),
    ],
  }));
}

function user(from: CloudUser): User {
  const fields = {
    name: from.name,
    uid: from.uid,
    gecos: from.gecos,
    homeDir: from.homedir,
    shell: from.shell,
    system: from.system,
    noCreateHome: from["no-create-home"],
    noUserGroup: from["no-user-group"],
    primaryGroup: from["primary-group"],
    groups: from.groups,
    passwordHash: from.passwd,
    sshAuthorizedKeys: from.ssh_authorized_keys,
  };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as unknown as User;
}

function file({ path, content, encoding = "text", permissions, owner }: CloudFile): File {
  const [name, group] = owner?.split(":") ?? [];
  return {
    path,
    mode: Number.parseInt(permissions, 8),
    overwrite: true,
    ...(name ? { user: { name } } : {}),
    ...(group ? { group: { name: group } } : {}),
    contents: {
      source: dataUrl(encoding.endsWith("64") ? Buffer.from(content, "base64") : content),
      ...(encoding.startsWith("gz") ? { compression: "gzip" as const } : {}),
    },
  };
}

/** Ignition 3 has no place for systemd-networkd's files among the units; they are files like any other. */
function isNetworkFile(name: string): boolean {
  return /\.(network|netdev|link)$/.test(name);
}

function network({ name, content, drop_ins = [] }: CloudUnit): CloudFile[] {
  const path = `/etc/systemd/network/${name}`;
  return [
    ...(content === undefined ? [] : [{ path, content, permissions: "0644" }]),
    ...drop_ins.map((dropIn) => ({
      path: `${path}.d/${dropIn.name}`,
      content: dropIn.content,
      permissions: "0644",
    })),
  ];
}

/** `command: start` is an order to run from this boot on, which here, before the first boot, is the same as enabling. */
function starts({ command }: CloudUnit): boolean {
  return command === "start" || command === "restart" || command === "reload-or-restart";
}

function startsUninstalled(from: CloudUnit): boolean {
  return from.enable !== false && starts(from) && from.content !== undefined && !isInstallable(from.content);
}

/** A unit that is started without an [Install] section cannot be enabled; systemd takes it from this folder instead. */
function wanted({ name }: CloudUnit): Link {
  return {
    path: `/etc/systemd/system/multi-user.target.wants/${name}`,
    target: `/etc/systemd/system/${name}`,
  };
}

function unit(from: CloudUnit): Unit {
  const enabled = startsUninstalled(from)
    ? undefined
    : (from.enable ?? (starts(from) ? true : from.command === "stop" ? false : undefined));
  return {
    name: from.name,
    ...(enabled === undefined ? {} : { enabled }),
    ...(from.mask === undefined ? {} : { mask: from.mask }),
    ...(from.content === undefined ? {} : { contents: from.content }),
    ...(from.drop_ins?.length
      ? { dropins: from.drop_ins.map(({ name, content }) => ({ name, contents: content })) }
      : {}),
  };
}
