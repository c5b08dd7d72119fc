import type { CloudConfig, CloudFile, CloudUnit, CloudUser } from "./cloud-config";
import { dataUrl, type File, type Ignition, type Unit, type User } from "./ignition";

/** Translates cloud-config to the Ignition that writes the same machine before its first boot. */
export function translate(config: CloudConfig): Ignition {
  const files = [
    ...(config.hostname ? [file({ path: "/etc/hostname", content: `${config.hostname}\n`, permissions: "0644" })] : []),
    ...config.write_files.map(file),
  ];
  const users = config.users.map(user);
  if (config.ssh_authorized_keys.length > 0) {
    const core = users.find(({ name }) => name === "core");
    const rest = users.filter((each) => each !== core);
    users.splice(0, users.length, ...rest, {
      name: "core",
      ...core,
      sshAuthorizedKeys: [...(core?.sshAuthorizedKeys ?? []), ...config.ssh_authorized_keys],
    });
  }
  return {
    ignition: { version: "3.3.0" },
    ...(users.length > 0 ? { passwd: { users } } : {}),
    ...(files.length > 0 ? { storage: { files } } : {}),
    ...(config.units.length > 0 ? { systemd: { units: config.units.map(unit) } } : {}),
  };
}

function user(from: CloudUser): User {
  return {
    name: from.name,
    ...(from.uid === undefined ? {} : { uid: from.uid }),
    ...(from.gecos === undefined ? {} : { gecos: from.gecos }),
    ...(from.shell === undefined ? {} : { shell: from.shell }),
    ...(from.homedir === undefined ? {} : { homeDir: from.homedir }),
    ...(from.system === undefined ? {} : { system: from.system }),
    ...(from.passwd === undefined ? {} : { passwordHash: from.passwd }),
    ...(from.groups === undefined ? {} : { groups: from.groups }),
    ...(from.ssh_authorized_keys === undefined ? {} : { sshAuthorizedKeys: from.ssh_authorized_keys }),
  };
}

function file(from: CloudFile): File {
  const [owner, group] = from.owner?.split(":") ?? [];
  const content = from.encoding && from.encoding !== "text" ? Buffer.from(from.content, "base64") : from.content;
  return {
    path: from.path,
    mode: Number.parseInt(from.permissions, 8),
    overwrite: true,
    ...(owner ? { user: { name: owner } } : {}),
    ...(group ? { group: { name: group } } : {}),
    contents: { source: dataUrl(content) },
  };
}

/** `command: start` means the unit runs from the first boot on, which is what enabling it does here. */
function unit(from: CloudUnit): Unit {
  const starts = from.command === "start" || from.command === "restart";
  const enabled = from.enable ?? (starts || undefined);
  return {
    name: from.name,
    ...(enabled === undefined ? {} : { enabled }),
    ...(from.mask === undefined ? {} : { mask: from.mask }),
    ...(from.content === undefined ? {} : { contents: from.content }),
    ...(from.drop_ins && from.drop_ins.length > 0
      ? { dropins: from.drop_ins.map(({ name, content }) => ({ name, contents: content })) }
      : {}),
  };
}
