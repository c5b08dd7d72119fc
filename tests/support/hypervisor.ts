import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { qemuSettings } from "../../deploy/libvirtd";
import { bridges, namespaces, removeBridge, removeNamespace } from "./namespace";

/** What a libvirtd keeps where another one must not see it. */
const own = {
  run: "/run",
  etc: "/etc/libvirt",
  lib: "/var/lib/libvirt",
  cache: "/var/cache/libvirt",
  log: "/var/log/libvirt",
  taiga: "/var/lib/taiga",
} as const;

/**
 * A second libvirtd, for what another host would be: in a network and a mount namespace of its own, with its own sockets,
 * settings, domains and volumes. A bridge of one name is on both sides, and a pair of interfaces makes them one network.
 */
export class SecondHypervisor {
  private constructor(
    /** Of namespace and bridges. */
    readonly name: string,
    private readonly folder: string,
  ) {}

  /**
   * @param name at most 13 characters, since the kernel takes 15 for an interface.
   * @param addresses the two hosts' on the bridge, with the length of their prefix.
   */
  static async start(name: string, addresses: readonly [string, string]): Promise<SecondHypervisor> {
    const second = new SecondHypervisor(name, mkdtempSync(join(tmpdir(), `${name}-`)));
    try {
      second.#join(addresses);
      second.#run();
      return second;
    } catch (error) {
      await second.stop();
      throw error;
    }
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${join(this.folder, "run/libvirt/libvirt-sock")}`;
  }

  /** Where a path below /var/lib/taiga on the second host is to be found on this one. */
  folderOf = (path: string): string => path.replace(own.taiga, join(this.folder, "taiga"));

  /** With all its machines, as if its host had lost power. */
  async stop(): Promise<void> {
    if (namespaces().includes(this.name)) await removeNamespace(this.name);
    if (bridges().includes(this.name)) removeBridge(this.name);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #join([ours, its]: readonly [string, string]): void {
    const { name } = this;
    const ip = (...args: string[]) => execFileSync("ip", args);
    ip("netns", "add", name);
    ip("link", "add", `${name}-2`, "type", "veth", "peer", "name", "uplink", "netns", name);
    for (const [side, port] of [
      [[], `${name}-2`],
      [["-n", name], "uplink"],
    ] as const) {
      ip(...side, "link", "add", name, "type", "bridge");
      ip(...side, "link", "set", port, "master", name, "up");
      ip(...side, "link", "set", name, "up");
    }
    ip("address", "add", ours, "dev", name);
    // Without an address but loopback's, getaddrinfo would leave QEMU's display none.
    ip("-n", name, "address", "add", its, "dev", name);
    ip("-n", name, "link", "set", "lo", "up");
  }

  #run(): void {
    for (const part of Object.keys(own)) mkdirSync(join(this.folder, part), { mode: 0o700 });
    writeFileSync(join(this.folder, "etc/qemu.conf"), qemuSettings);
    writeFileSync(join(this.folder, "etc/libvirtd.conf"), 'auth_unix_rw = "none"\n');
    const mounts = Object.entries(own).map(
      ([part, path]) => `mkdir -p ${path} && mount --bind ${part} ${path}`,
    );
    // ip netns exec makes a mount namespace too, from which nothing passes to the outside.
    execFileSync(
      "ip",
      ["netns", "exec", this.name, "sh", "-c", [...mounts, "cd /", "exec libvirtd -d"].join(" && ")],
      { cwd: this.folder, stdio: "inherit" },
    );
  }
}
