import { load, YAMLException } from "js-yaml";
import { type Problem, Reader } from "./reader";

export interface CloudConfig {
  readonly hostname?: string;
  readonly ssh_authorized_keys: readonly string[];
  readonly users: readonly CloudUser[];
  readonly write_files: readonly CloudFile[];
  readonly units: readonly CloudUnit[];
}

export interface CloudUser {
  readonly name: string;
  readonly uid?: number;
  readonly gecos?: string;
  readonly shell?: string;
  readonly homedir?: string;
  readonly system?: boolean;
  readonly passwd?: string;
  readonly groups?: readonly string[];
  readonly ssh_authorized_keys?: readonly string[];
}

export interface CloudFile {
  readonly path: string;
  readonly content: string;
  readonly encoding?: "base64" | "b64" | "text";
  /** Octal text, such as "0644". */
  readonly permissions: string;
  readonly owner?: string;
}

export interface CloudUnit {
  readonly name: string;
  readonly content?: string;
  readonly enable?: boolean;
  readonly mask?: boolean;
  readonly command?: string;
  readonly drop_ins?: readonly { readonly name: string; readonly content: string }[];
}

/** coreos-cloudinit's words that have no meaning on these nodes, and what to write instead. */
const replaced: Readonly<Record<string, string>> = {
  manage_etc_hosts: "a write_files entry for /etc/hosts",
  runcmd: "a unit of Type=oneshot in coreos.units",
  bootcmd: "a unit of Type=oneshot in coreos.units",
  packages: "a package in images/node.yaml, or a container",
};
const replacedCoreos: Readonly<Record<string, string>> = {
  etcd: "a drop-in for etcd.service in coreos.units",
  etcd2: "a drop-in for etcd.service in coreos.units",
  fleet: "a drop-in for fleet.service in coreos.units",
  flannel: "a drop-in for flanneld.service in coreos.units",
  update: "another taiga:machines.image: machines are replaced, not updated in place",
  locksmith: "nothing: machines are replaced one at a time behind their gates",
  oem: "nothing: the image says what it is",
};

export class CloudConfigError extends Error {
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("\n"));
  }
}

/**
 * Reads cloud-config YAML in the vocabulary of coreos-cloudinit.
 * @throws CloudConfigError with every bad field: its path, its value and what to write instead.
 */
export function parseCloudConfig(text: string): CloudConfig {
  if (!/^#cloud-config\s*(\n|$)/.test(text)) {
    throw new CloudConfigError([{ path: "", message: 'the first line must be "#cloud-config"' }]);
  }
  let document: unknown;
  try {
    document = load(text) ?? {};
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new CloudConfigError([{ path: `line ${(error.mark?.line ?? 0) + 1}`, message: `${error.reason}; mend the YAML` }]);
  }
  const problems: Problem[] = [];
  const top = new Reader(document, "", problems);
  const coreos = top.section("coreos", replaced, ["hostname", "ssh_authorized_keys", "users", "write_files", "coreos"]);
  const config: CloudConfig = {
    ...top.optional("hostname", (value) => value.match(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "a host name in lower case, such as node-1")),
    ssh_authorized_keys: top.list("ssh_authorized_keys", (key) => key.match(/^(ssh|ecdsa|sk)-\S+ \S+/, "a public key as ssh-keygen prints it")),
    users: top.list("users", user),
    write_files: top.list("write_files", file),
    units: coreos ? (coreos.only(["units"], replacedCoreos), coreos.list("units", unit)) : [],
  };
  if (problems.length > 0) throw new CloudConfigError(problems);
  return config;
}

function user(entry: Reader): CloudUser {
  entry.only(["name", "uid", "gecos", "shell", "homedir", "system", "passwd", "groups", "ssh_authorized_keys"], {
    "ssh-authorized-keys": "ssh_authorized_keys",
    "coreos-ssh-import-github": "the keys themselves in ssh_authorized_keys",
    "lock-passwd": "nothing: a user without passwd has no password",
    sudo: "groups: [sudo]",
  });
  return {
    name: entry.field("name").match(/^[a-z_][a-z0-9_-]*$/, "a user name in lower case"),
    ...entry.optional("uid", (value) => value.integer(0, 65_535)),
    ...entry.optional("gecos", (value) => value.text()),
    ...entry.optional("shell", (value) => value.match(/^\//, "an absolute path, such as /bin/bash")),
    ...entry.optional("homedir", (value) => value.match(/^\//, "an absolute path")),
    ...entry.optional("system", (value) => value.boolean()),
    ...entry.optional("passwd", (value) => value.match(/^(\$|[*!])/, "a hash as mkpasswd prints it, not the password")),
    ...(entry.has("groups") ? { groups: entry.list("groups", (group) => group.text()) } : {}),
    ...(entry.has("ssh_authorized_keys") ? { ssh_authorized_keys: entry.list("ssh_authorized_keys", (key) => key.text()) } : {}),
  };
}

function file(entry: Reader): CloudFile {
  entry.only(["path", "content", "encoding", "permissions", "owner"], { contents: "content", mode: "permissions" });
  return {
    path: entry.field("path").match(/^\/[^\0]*[^/\0]$/, "an absolute path of a file, such as /etc/motd"),
    content: entry.has("content") ? entry.field("content").text() : "",
    ...entry.optional("encoding", (value) => value.oneOf(["base64", "b64", "text"] as const)),
    permissions: entry.has("permissions")
      ? entry.field("permissions").match(/^0?[0-7]{3,4}$/, 'octal digits in quotes, such as "0644"')
      : "0644",
    ...entry.optional("owner", (value) => value.match(/^[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?$/, "user or user:group")),
  };
}

function unit(entry: Reader): CloudUnit {
  entry.only(["name", "content", "enable", "mask", "command", "runtime", "drop_ins"], {
    "drop-ins": "drop_ins",
    dropins: "drop_ins",
    contents: "content",
    enabled: "enable",
  });
  const extension = /^[A-Za-z0-9:_.\\@-]+\.(service|socket|mount|path|timer|target|network|netdev|link|slice|swap|automount|device)$/;
  return {
    name: entry.field("name").match(extension, "a unit's file name, such as backup.service"),
    ...entry.optional("content", (value) => value.text()),
    ...entry.optional("enable", (value) => value.boolean()),
    ...entry.optional("mask", (value) => value.boolean()),
    ...entry.optional("command", (value) => value.oneOf(["start", "stop", "restart", "reload", "try-restart"] as const)),
    ...(entry.has("drop_ins")
      ? {
          drop_ins: entry.list("drop_ins", (dropIn) => ({
            name: dropIn.field("name").match(/^[^/]+\.conf$/, "a file name that ends in .conf"),
            content: dropIn.field("content").text(),
          })),
        }
      : {}),
  };
}
