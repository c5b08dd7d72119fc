import { load, YAMLException } from "js-yaml";
import { coreosInstead, type DaemonOptions, type DaemonSection, daemons, readDaemon } from "./daemons";
import { fillPlaceholders, type NodeValues } from "./placeholders";
import { type Instead, type Problem, Reader } from "./reader";
import { isInstallable, unitTextProblem } from "./unit-text";

/** A machine as cloud-config describes it, in coreos-cloudinit's vocabulary. */
export interface CloudConfig {
  readonly hostname?: string;
  /** `localhost` writes an /etc/hosts in which the machine knows its own name. */
  readonly manage_etc_hosts?: "localhost";
  /** Keys that may log in as `core`. */
  readonly ssh_authorized_keys: readonly string[];
  readonly users: readonly CloudUser[];
  readonly write_files: readonly CloudFile[];
  readonly units: readonly CloudUnit[];
  readonly daemons: Readonly<Partial<Record<DaemonSection, DaemonOptions>>>;
}

export interface CloudUser {
  readonly name: string;
  readonly uid?: number;
  readonly gecos?: string;
  readonly shell?: string;
  readonly homedir?: string;
  readonly system?: boolean;
  /** A hash as mkpasswd prints it. */
  readonly passwd?: string;
  readonly groups?: readonly string[];
  readonly ssh_authorized_keys?: readonly string[];
  readonly "primary-group"?: string;
  readonly "no-create-home"?: boolean;
  readonly "no-user-group"?: boolean;
}

const encodings = [
  "text",
  "text/plain",
  "base64",
  "b64",
  "gzip+base64",
  "gz+base64",
  "gzip+b64",
  "gz+b64",
] as const;

export interface CloudFile {
  readonly path: string;
  readonly content: string;
  readonly encoding?: (typeof encodings)[number];
  /** Octal text, such as "0644". */
  readonly permissions: string;
  /** `user` or `user:group`; root unless given. */
  readonly owner?: string;
}

const commands = [
  "start",
  "stop",
  "restart",
  "reload",
  "try-restart",
  "reload-or-restart",
  "reload-or-try-restart",
] as const;

export interface CloudUnit {
  readonly name: string;
  readonly content?: string;
  readonly enable?: boolean;
  readonly mask?: boolean;
  readonly command?: (typeof commands)[number];
  /** Taken as it is in coreos-cloudinit, without effect: a machine's root disk is as disposable as its /run. */
  readonly runtime?: boolean;
  readonly drop_ins?: readonly CloudDropIn[];
}

export interface CloudDropIn {
  readonly name: string;
  readonly content: string;
}

/** cloud-init's words that have no meaning on these nodes, and what to write instead. */
const replaced: Instead = {
  write_file: "write_files",
  groups: "groups within an entry of users",
  runcmd: "a unit of Type=oneshot in coreos.units",
  bootcmd: "a unit of Type=oneshot in coreos.units",
  packages: "the package in images/node.yaml, or a container",
  mounts: "a .mount unit in coreos.units",
  ntp: "a unit or a file in write_files",
  "ssh-authorized-keys": "ssh_authorized_keys",
};

const networkFile = /\.(network|netdev|link)$/;
const unitName =
  /^[A-Za-z0-9:_.\\@-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|network|netdev|link)$/;
const publicKey = /^(\S.* )?(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/]+=*( .*)?$/;

export class CloudConfigError extends Error {
  constructor(
    readonly source: string,
    readonly problems: readonly Problem[],
  ) {
    const lines = problems.map(({ path, message }) => (path ? `  ${path} ${message}` : `  ${message}`));
    super(`${source} is not the cloud-config this cluster reads:\n${lines.join("\n")}`);
    this.name = "CloudConfigError";
  }
}

/**
 * Reads cloud-config YAML.
 * @param options.source what to call the text in an error: a file or a configuration key.
 * @param options.values fills placeholders such as `{{address}}`; without it they stay.
 * @throws CloudConfigError with every bad field: its path, its value and what to write instead.
 */
export function parseCloudConfig(
  text: string,
  { source = "cloud-config", values }: { readonly source?: string; readonly values?: NodeValues } = {},
): CloudConfig {
  const problems: Problem[] = [];
  const document = parseYaml(text, source);
  const filled = values ? fillPlaceholders(document, values, "", problems) : document;
  const config = readConfig(new Reader(filled, "", problems));
  if (problems.length > 0) throw new CloudConfigError(source, problems);
  return config;
}

function parseYaml(text: string, source: string): unknown {
  const fail = (path: string, message: string) => new CloudConfigError(source, [{ path, message }]);
  if (!/^#cloud-config\s*(\n|$)/.test(text)) {
    throw fail(
      "line 1",
      `is ${JSON.stringify((text.split("\n")[0] ?? "").slice(0, 60))}; write "#cloud-config"`,
    );
  }
  try {
    return load(text) ?? {};
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const at = error.mark ? `line ${error.mark.line + 1}, column ${error.mark.column + 1}` : "the text";
    throw fail(at, `is not YAML: ${error.reason}; write it as the lines around it are, indented with spaces`);
  }
}

function readConfig(top: Reader): CloudConfig {
  top.only(
    ["hostname", "manage_etc_hosts", "ssh_authorized_keys", "users", "write_files", "coreos"],
    replaced,
  );
  const coreos = top.has("coreos") ? top.field("coreos") : undefined;
  coreos?.only(["units", "update", ...Object.keys(daemons)], coreosInstead);
  if (coreos?.has("update")) readUpdate(coreos.field("update"));
  const sections = (Object.keys(daemons) as DaemonSection[]).filter((section) => coreos?.has(section));
  return {
    ...top.optional("hostname", (value) =>
      value.match(
        /^(?=.{1,64}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
        "a host name in lower case, such as node-1",
      ),
    ),
    ...top.optional("manage_etc_hosts", (value) => value.oneOf(["localhost"])),
    ssh_authorized_keys: top.list("ssh_authorized_keys", readKey),
    users: top.distinct("users", "name", readUser),
    write_files: top.distinct("write_files", "path", readFile),
    units: coreos?.distinct("units", "name", readUnit) ?? [],
    daemons: Object.fromEntries(
      sections.map((section) => [section, readDaemon((coreos as Reader).field(section), daemons[section])]),
    ),
  };
}

/** There is no updater to configure: a new image makes new machines. Its being off is the one true thing to say. */
function readUpdate(update: Reader): void {
  const images =
    "nothing: another image is taiga:machines' image, and machines are then replaced one at a time";
  update.only(["reboot-strategy"], { group: images, server: images });
  if (update.has("reboot-strategy") && update.field("reboot-strategy").value !== "off") {
    update
      .field("reboot-strategy")
      .complain('"off": machines do not update in place, they are replaced one at a time');
  }
}

function readKey(key: Reader): string {
  return key.match(publicKey, 'a public key as in a .pub file, such as "ssh-ed25519 AAAA… me"');
}

function readUser(entry: Reader): CloudUser {
  const names = [
    "name",
    "uid",
    "gecos",
    "shell",
    "homedir",
    "system",
    "passwd",
    "groups",
    "ssh_authorized_keys",
  ];
  entry.only([...names, "primary-group", "no-create-home", "no-user-group"], {
    "ssh-authorized-keys": "ssh_authorized_keys",
    "coreos-ssh-import-github": "the keys themselves in ssh_authorized_keys",
    "coreos-ssh-import-github-users": "the keys themselves in ssh_authorized_keys",
    "coreos-ssh-import-url": "the keys themselves in ssh_authorized_keys",
    "ssh-import-id": "the keys themselves in ssh_authorized_keys",
    inactive: "nothing: a user without passwd and keys cannot log in",
    "selinux-user": "nothing: no image of these nodes maps users",
    "lock-passwd": "nothing: a user without passwd has no password",
    lock_passwd: "nothing: a user without passwd has no password",
    "no-log-init": "nothing: it changes nothing on these nodes",
    "plain-text-passwd": "passwd with a hash as mkpasswd prints it",
    sudo: "groups: [sudo]",
  });
  return {
    name: entry.field("name").match(/^[a-z_][a-z0-9_-]{0,31}$/, "a user name in lower case, such as core"),
    ...entry.optional("uid", (value) => value.integer(0, 65_533)),
    ...entry.optional("gecos", (value) => value.match(/^[^:\n]*$/, "one line without a colon")),
    ...entry.optional("shell", (value) => value.match(/^\/[^:\n]*$/, "an absolute path, such as /bin/bash")),
    ...entry.optional("homedir", (value) => value.match(/^\/[^:\n]*$/, "an absolute path, such as /home/me")),
    ...entry.optional("system", (value) => value.boolean()),
    ...entry.optional("passwd", (value) =>
      value.match(/^[$*!]/, "a hash as mkpasswd prints it, not the password"),
    ),
    ...entry.optional("primary-group", (value) => value.text()),
    ...entry.optional("no-create-home", (value) => value.boolean()),
    ...entry.optional("no-user-group", (value) => value.boolean()),
    ...entry.optional("groups", () => entry.list("groups", (group) => group.text())),
    ...entry.optional("ssh_authorized_keys", () => entry.list("ssh_authorized_keys", readKey)),
  };
}

function readFile(entry: Reader): CloudFile {
  entry.only(["path", "content", "encoding", "permissions", "owner"], {
    contents: "content",
    mode: "permissions",
    append: "a file of its own, in a .d folder if there is one",
  });
  const encoding = entry.optional("encoding", readEncoding);
  const encoded = /64$/.test(encoding.encoding ?? "");
  return {
    path: entry
      .field("path")
      .match(/^\/(?!.*\/\.{0,2}(\/|$))[^\0\n]*[^/\0\n]$/, "an absolute path, such as /etc/motd"),
    content: !entry.has("content")
      ? ""
      : encoded
        ? entry.field("content").match(/^[A-Za-z0-9+/\s]*[=\s]*$/, "base64, or leave encoding out")
        : entry.field("content").text(),
    ...encoding,
    permissions: entry.has("permissions")
      ? entry.field("permissions").match(/^0?[0-7]{3}$/, 'octal digits in quotes, such as "0644"')
      : "0644",
    ...entry.optional("owner", (value) =>
      value.match(/^[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?$/, "user or user:group, such as core:core"),
    ),
  };
}

/** `gzip` alone wants YAML's !!binary, which no text of a stack's file can be. */
function readEncoding(value: Reader): (typeof encodings)[number] {
  if (value.value === "gzip" || value.value === "gz") {
    value.complain("gzip+base64, and the content without !!binary");
    return "gzip+base64";
  }
  return value.oneOf(encodings);
}

function readUnit(entry: Reader): CloudUnit {
  entry.only(["name", "content", "enable", "mask", "command", "runtime", "drop_ins"], {
    "drop-ins": "drop_ins",
    dropins: "drop_ins",
    contents: "content",
    enabled: "enable",
  });
  const unit: CloudUnit = {
    name: entry.field("name").match(unitName, "a unit's file name, such as backup.service"),
    ...entry.optional("content", readUnitText),
    ...entry.optional("enable", (value) => value.boolean()),
    ...entry.optional("mask", (value) => value.boolean()),
    ...entry.optional("command", (value) => value.oneOf(commands)),
    ...entry.optional("runtime", (value) => value.boolean()),
    ...entry.optional("drop_ins", () => entry.distinct("drop_ins", "name", readDropIn)),
  };
  if (networkFile.test(unit.name)) {
    for (const key of ["enable", "mask", "command"].filter((each) => entry.has(each))) {
      entry.field(key).complain("nothing: systemd-networkd reads this file at boot");
    }
  } else if (unit.content !== undefined) {
    if (unit.mask) entry.field("mask").complain("either mask or content");
    if (unit.enable && !isInstallable(unit.content)) {
      entry.field("enable").complain("an [Install] section in content, or command: start");
    }
  }
  return unit;
}

function readDropIn(entry: Reader): CloudDropIn {
  entry.only(["name", "content"], { contents: "content" });
  return {
    name: entry
      .field("name")
      .match(/^[^/\s]+\.conf$/, "a file name that ends in .conf, such as 10-limits.conf"),
    content: readUnitText(entry.field("content")),
  };
}

function readUnitText(value: Reader): string {
  const text = value.text();
  const problem = typeof value.value === "string" ? unitTextProblem(text) : undefined;
  if (problem)
    value.within(text.split("\n")[problem.line - 1], `line ${problem.line}`).complain(problem.expected);
  return text;
}
