import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { containerUri } from "../components/container-domain";
import { volumes } from "../deploy/libvirt-objects";
import { libvirtUri } from "../deploy/libvirtd";
import { nodeImage } from "../images/artifacts";
import { FleetClient } from "../provider/clients/fleet";
import { memberEnvironment, memberFile } from "../provider/cluster/bootstrap";
import { newCertificates } from "../provider/cluster/certificate";
import type { Connection } from "../provider/connection";
import { hostKey } from "../provider/credentials";
import { formatUnitFile } from "../provider/fleet/unit-file";

export interface Cluster {
  readonly connection: Connection;
  readonly container: boolean;
  readonly prefix: string;
  readonly pool: string;
  /** Each must answer. */
  readonly pages: readonly string[];
}

/** What a cluster's own configuration in etcd is; the rest its services write. */
const keyPrefixes = ["/taiga/config/", "/coreos.com/network/config"];

/**
 * Writes what bare.sh needs to make a running cluster once more when it is gone: the same guests as libvirt has them,
 * the same Ignition, keys and units.
 */
export async function writeBare(folder: string, cluster: Cluster): Promise<void> {
  const { connection, container, prefix, pool } = cluster;
  const { machines, credentials } = connection;
  const write = (path: string, content: string | Buffer, mode = 0o600) => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, content);
    chmodSync(file, mode);
  };
  const tar = (from: string, to: string) =>
    execFileSync("tar", ["-C", join(folder, from), "--owner=0", "--group=0", "-cf", join(folder, to), "."]);
  const uri = container ? containerUri : libvirtUri;
  const virsh = (on: string, ...args: string[]) =>
    execFileSync("virsh", ["-q", "-c", on, ...args], { encoding: "utf8" });

  write("network.xml", virsh(libvirtUri, "net-dumpxml", "--inactive", prefix));
  write("pool.xml", virsh(libvirtUri, "pool-dumpxml", prefix));
  write("volumes", container ? "" : (await volumes(prefix)).map(volumeOf(folder)).sort(baseFirst).join(""));

  const members = machines.map(({ name, address }) => `${name}=https://${address}:2380`).join(",");
  for (const machine of machines) {
    const at = `machines/${machine.name}`;
    write(`${at}/domain.xml`, virsh(uri, "dumpxml", "--inactive", "--security-info", machine.name));
    if (container) write(`${at}/ignition.json`, readFileSync(join(pool, machine.name, "root/ignition.json")));
    const { files } = await newCertificates(credentials, machine);
    const member = {
      content: memberEnvironment({ cluster: members, state: "new" }),
      mode: "0644",
    };
    for (const [path, { content, mode }] of Object.entries({ ...files, [memberFile]: member }))
      write(`${at}/files${path}`, content, Number.parseInt(mode, 8));
    // The folders are those of the machine's data volume, whose own mode is 755.
    execFileSync("chmod", ["-R", "u=rwX,go+X", join(folder, at, "files")]);
    tar(`${at}/files`, `${at}/files.tar`);
  }
  write("machines/list", machines.map(({ name, address }) => `${name} ${address}\n`).join(""));
  write("key", credentials.operatorKey);
  write(
    "known_hosts",
    machines.map(({ address }) => `${address} ${hostKey(credentials, address).publicKey}\n`).join(""),
  );

  for (const keys of keyPrefixes) {
    const found = await connection.etcd.run((etcd) => etcd.getAll().prefix(keys).buffers());
    for (const [key, value] of Object.entries(found)) write(`keys${key}`, value);
  }
  tar("keys", "keys.tar");
  const fleet = new FleetClient(machines, connection.ssh);
  for (const unit of await fleet.units())
    if (unit.desiredState === "launched") write(`units/${unit.name}`, formatUnitFile(unit.options));
  tar("units", "units.tar");

  const active = (await fleet.states()).filter(({ systemdActiveState }) => systemdActiveState === "active");
  const variables = {
    URI: uri,
    PREFIX: prefix,
    POOL: pool,
    ROOTFS: nodeImage().rootfs,
    FIRST: machines[0]?.address ?? "",
    PAGES: cluster.pages.join(" "),
    ACTIVE: String(active.length),
  };
  write(
    "cluster.env",
    Object.entries(variables)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(""),
  );
}

/** A line of the table of volumes: name, format, bytes, backing volume and its format, file that fills it. */
const volumeOf =
  (folder: string) =>
  (path: string): string => {
    const seen = JSON.parse(
      execFileSync("qemu-img", ["info", "-U", "--output=json", path], { encoding: "utf8" }),
    ) as {
      format: string;
      "virtual-size": number;
      "full-backing-filename"?: string;
      "backing-filename-format"?: string;
    };
    const name = basename(path);
    const backing = seen["full-backing-filename"];
    let source = "-";
    if (!backing && !name.endsWith("-data")) {
      source = join("contents", name);
      mkdirSync(join(folder, "contents"), { recursive: true });
      execFileSync("cp", ["--sparse=always", path, join(folder, source)]);
    }
    const behind = backing ? `${basename(backing)}:${seen["backing-filename-format"] ?? "qcow2"}` : "-";
    return `${name} ${seen.format} ${seen["virtual-size"]} ${behind} ${source}\n`;
  };

const baseFirst = (one: string, other: string): number => Number(/:/.test(one)) - Number(/:/.test(other));
