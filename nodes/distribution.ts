import type { CloudConfig, CloudUnit } from "./cloud-config";

/** What machines may boot. */
export const distributions = ["debian", "flatcar", "fcos"] as const;
export type Distribution = (typeof distributions)[number];

/** How nodes/node.yaml, which describes a node on Debian, is to be read elsewhere. */
export interface Differences {
  /** Cloud-config of its own, in nodes/distributions/. */
  readonly overlay?: string;
  /** Paths of files and names of units that have no place there. */
  readonly without: readonly string[];
  /** What stands in files' paths and in texts, and what to write for it. Longest first where one begins another. */
  readonly instead: readonly (readonly [string, string])[];
  /**
   * Whether the machine-id comes by the kernel's command line: a /etc/machine-id that is there before the first boot would
   * end it for systemd, which then takes no notice of what Ignition enables.
   */
  readonly machineIdByKernel: boolean;
}

const dockerd = ["/usr/sbin/dockerd", "/usr/bin/dockerd"] as const;

export const differences: Readonly<Record<Distribution, Differences>> = {
  debian: { without: [], instead: [], machineIdByKernel: false },
  // https://www.flatcar.org/docs/latest/: /usr is read-only, sshd is started by its socket.
  flatcar: {
    overlay: "flatcar.yaml",
    without: ["/etc/machine-id", "ssh.service"],
    instead: [dockerd, ["/usr/local/bin/", "/opt/bin/"]],
    machineIdByKernel: true,
  },
  // https://docs.fedoraproject.org/en-US/fedora-coreos/: NetworkManager and systemd-resolved, sshd under its own name, SELinux,
  // for which a volume without labels is nothing that may be run or written.
  fcos: {
    overlay: "fcos.yaml",
    without: [
      "/etc/machine-id",
      "/etc/resolv.conf",
      "/etc/systemd/network/10-cluster.network",
      "ssh.service",
      "systemd-networkd.service",
    ],
    instead: [
      dockerd,
      ["mount -t squashfs -o ro ", "mount -t squashfs -o ro,context=system_u:object_r:bin_t:s0 "],
      ["mount -t ext4 -o noatime ", "mount -t ext4 -o noatime,context=system_u:object_r:var_lib_t:s0 "],
    ],
    machineIdByKernel: true,
  },
};

/** A node's description as a distribution wants it. Its overlay comes after, by nodes/merge.ts. */
export function adapted(config: CloudConfig, distribution: Distribution): CloudConfig {
  const { without, instead } = differences[distribution];
  const text = (from: string) => instead.reduce((all, [here, there]) => all.replaceAll(here, there), from);
  return {
    ...config,
    write_files: config.write_files
      .filter(({ path }) => !without.includes(path))
      .map((file) => ({ ...file, path: text(file.path), content: text(file.content) })),
    units: config.units
      .filter(({ name }) => !without.includes(name))
      .map(
        (unit): CloudUnit => ({
          ...unit,
          ...(unit.content === undefined ? {} : { content: text(unit.content) }),
          ...(unit.drop_ins
            ? { drop_ins: unit.drop_ins.map((each) => ({ ...each, content: text(each.content) })) }
            : {}),
        }),
      ),
  };
}
