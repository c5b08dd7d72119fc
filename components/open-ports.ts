import type { CloudConfig } from "../nodes/cloud-config";

/** A place in cloud-config that lets anybody on the network in. */
export interface OpenPort {
  /** As in an error of nodes/cloud-config.ts: `coreos.units[0].content`. */
  readonly path: string;
  readonly message: string;
}

/** What listens on this machine alone, or on a socket file. */
const closed = /^(\/|@|127\.|\[::1\]|localhost\b)/;

/** Lines of a unit that make systemd or a daemon listen to everybody, without asking who it is. */
function listens(text: string): string | undefined {
  for (const line of text.split("\n")) {
    const socket = /^\s*Listen(?:Stream|Datagram|SequentialPacket)\s*=\s*(\S+)/.exec(line)?.[1];
    if (socket && !closed.test(socket)) return line.trim();
    const host = /(?:-H|--host|--listen\S*|--addr\S*)[ =]"?(?:tcp|http):\/\/(\S+)/.exec(line)?.[1];
    if (host && !closed.test(host)) return line.trim();
  }
  return undefined;
}

/** What a stack's cloud-config opens to the network. A fault of production, and at most a warning elsewhere. */
export function openPorts({ units, write_files: files }: CloudConfig): OpenPort[] {
  const found: OpenPort[] = [];
  const unit = (path: string, text = "") => {
    const line = listens(text);
    if (line !== undefined)
      found.push({
        path,
        message: `has ${JSON.stringify(line)}, a port open to everybody; write 127.0.0.1 before the port, or a socket's path`,
      });
  };
  for (const [index, { content, drop_ins: dropIns = [] }] of units.entries()) {
    unit(`coreos.units[${index}].content`, content);
    for (const [at, each] of dropIns.entries())
      unit(`coreos.units[${index}].drop_ins[${at}].content`, each.content);
  }
  for (const [index, { path, content, encoding = "text" }] of files.entries()) {
    if (encoding.startsWith("gz")) continue;
    const text = encoding.endsWith("64") ? Buffer.from(content, "base64").toString() : content;
    const at = `write_files[${index}].content`;
    if (/^\/(etc|run|usr\/lib)\/systemd\/system\//.test(path)) unit(at, text);
    const login = /^\s*(PasswordAuthentication|PermitRootLogin|PermitEmptyPasswords)\s+yes\b/im.exec(text);
    if (path.startsWith("/etc/ssh/") && login)
      found.push({ path: at, message: `has "${login[0].trim()}"; write no, and log in by key` });
  }
  return found;
}
