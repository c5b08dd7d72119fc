import type { Instead, Reader } from "./reader";
import { environmentLine } from "./unit-text";

/** The sections of cloud-config that tune a daemon of the cluster. */
export type DaemonSection = "etcd2" | "fleet" | "flannel";

/** Options of one daemon by their names in cloud-config, such as `heartbeat-interval`. */
export type DaemonOptions = Readonly<Record<string, string>>;

interface Daemon {
  readonly unit: string;
  /** All three daemons read their options from variables of this prefix. */
  readonly prefix: string;
  /** What a stack may tune; the rest makes the cluster a cluster. */
  readonly options: readonly string[];
  readonly owned: RegExp;
  readonly owner: string;
  /** Options that are known from elsewhere, and what to write instead. */
  readonly instead: Instead;
}

export const daemons: Readonly<Record<DaemonSection, Daemon>> = {
  etcd2: {
    unit: "etcd.service",
    prefix: "ETCD_",
    options: [
      "heartbeat-interval",
      "election-timeout",
      "snapshot-count",
      "quota-backend-bytes",
      "max-request-bytes",
      "max-snapshots",
      "max-wals",
      "auto-compaction-mode",
      "auto-compaction-retention",
      "log-level",
      "metrics",
    ],
    owned:
      /^(name|data-dir|wal-dir|proxy.*|enable-v2|force-new-cluster|discovery.*|initial-.*|(listen|advertise)-.*|.*-file|.*-auth|addr|peers?.*)$/,
    owner:
      "nothing: members are planned from taiga:machines and taiga:network, and certificates come from the stack",
    instead: {
      cors: "nothing: no browser talks to etcd, whose clients have certificates",
      debug: "log-level: debug",
      "log-package-levels": "log-level, for all packages together",
      "enable-pprof": "nothing: profiles would be open to everybody; metrics: extensive tells more",
      "listen-metrics-urls":
        "nothing: https://ADDRESS:2379/metrics serves who has a certificate, http://127.0.0.1:2381 the machine itself",
      "strict-reconfig-check": "nothing: etcd 3.5 checks always",
    },
  },
  fleet: {
    unit: "fleet.service",
    prefix: "FLEET_",
    options: ["agent_ttl", "engine_reconcile_interval", "etcd_request_timeout", "metadata", "verbosity"],
    owned: /^(etcd_.*|public_ip)$/,
    owner: "nothing: fleet's etcd and address are the machine's own",
    instead: {},
  },
  flannel: {
    unit: "flanneld.service",
    prefix: "FLANNELD_",
    options: ["subnet_lease_renew_margin", "iptables_resync", "healthz_ip", "healthz_port"],
    owned: /^(etcd_.*|subnet_file|public_ip|interface|iface|ip_masq)$/,
    owner: "nothing: the containers' network is taiga:containers, the same on every machine",
    instead: {},
  },
};

/** The parts of coreos-cloudinit's `coreos` that have no meaning on these nodes, and what to write instead. */
export const coreosInstead: Instead = {
  etcd: "etcd2 for etcd's options",
  locksmith: "nothing: machines are replaced one at a time, each behind its Membership",
  oem: "nothing: the image says what it is",
};

/** Reads one daemon's section. Numbers and booleans are taken as the text they are written as. */
export function readDaemon(section: Reader, { options, owned, owner, instead }: Daemon): DaemonOptions {
  const known = section.keys().filter((key) => options.includes(key));
  section.only(
    options,
    Object.fromEntries(
      section
        .keys()
        .filter((key) => !options.includes(key))
        .flatMap((key) => {
          // coreos-cloudinit took hyphens and underscores for one; an option's own spelling is that of `options`.
          const spellings = [key, key.replaceAll("_", "-"), key.replaceAll("-", "_")];
          const other = spellings.find((each) => Object.hasOwn(instead, each));
          return other !== undefined
            ? [[key, instead[other] as string]]
            : spellings.some((each) => owned.test(each) && !options.includes(each))
              ? [[key, owner]]
              : [];
        }),
    ),
  );
  return Object.fromEntries(
    known.map((key) => {
      const { value } = section.field(key);
      const text = typeof value === "object" ? "" : String(value);
      if (text === "" || text.includes("\n"))
        section.field(key).complain("one line of text, a number or true or false");
      return [key, text];
    }),
  );
}

/** A stack's options win over the node's; fleet's metadata are labels, so the stack's are added. */
export function mergeDaemon(base: DaemonOptions = {}, extra: DaemonOptions = {}): DaemonOptions {
  const metadata = [base.metadata, extra.metadata].filter(Boolean).join(",");
  return { ...base, ...extra, ...(metadata ? { metadata } : {}) };
}

/** The drop-in coreos-cloudinit wrote for such a section, under its name. */
export function daemonDropIn(
  section: DaemonSection,
  options: DaemonOptions,
): { name: string; content: string } {
  const lines = Object.entries(options).map(([key, value]) =>
    environmentLine(`${daemons[section].prefix}${key.toUpperCase().replaceAll("-", "_")}`, value),
  );
  return { name: "20-cloudinit.conf", content: `[Service]\n${lines.join("\n")}\n` };
}
