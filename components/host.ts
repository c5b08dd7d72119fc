import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { probeKvm } from "../deploy/kvm-probe";
import { nodeImage, payload } from "../images/artifacts";
import { overlaps, parseCidr, plan } from "../nodes/plan";
import type { MachineKind, Problem, Settings } from "./settings";

/** What of a stack's settings this host cannot give, found at preview and before anything is touched. */
export function hostProblems(settings: Settings, uri: string): Problem[] {
  return [
    ...networkProblems(settings),
    ...poolProblems(settings),
    ...libvirtProblems(uri),
    ...artifactProblems(),
  ];
}

export function machineKind(settings: Settings): { kind: MachineKind; problems: Problem[] } {
  const { kind } = settings.machines;
  if (kind === "emulated" || kind === "container") return { kind, problems: [] };
  const { works, reason } = probeKvm();
  if (works) return { kind: "kvm", problems: [] };
  const problem = {
    field: "taiga:machines.kind",
    message: `"kvm" does not work on this host: ${reason}; write auto, emulated or container`,
  };
  return { kind: "emulated", problems: kind === "kvm" ? [problem] : [] };
}

function networkProblems({ network, prefix, machines }: Settings): Problem[] {
  const wanted = parseCidr(network);
  const { bridge } = plan({ prefix, cidr: network, count: machines.count });
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (name === bridge ? [] : (addresses ?? []))
      .filter(({ family, cidr }) => family === "IPv4" && cidr)
      .map(({ cidr }) => {
        const [address, length] = (cidr as string).split("/") as [string, string];
        const bits = 2 ** (32 - Number(length));
        const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
        const first = Math.floor(number / bits) * bits;
        return { text: cidr as string, first, last: first + bits - 1, prefixLength: Number(length) };
      })
      .filter((other) => overlaps(wanted, other))
      .map((other) => ({
        field: "taiga:network",
        message: `${JSON.stringify(network)} overlaps this host's ${name} (${other.text}); write another private network, such as "10.177.0.0/24"`,
      })),
  );
}

function poolProblems({ pool }: Settings): Problem[] {
  let parent = pool;
  while (!existsSync(parent)) parent = dirname(parent);
  try {
    rmdirSync(mkdtempSync(join(parent, ".taiga-"))); // permission bits do not tell: root may write all but /proc
    return [];
  } catch {
    return [
      {
        field: "taiga:pool",
        message: `${JSON.stringify(pool)} cannot be written (at ${parent}); write a folder on a disk with room, such as /var/lib/taiga/NAME`,
      },
    ];
  }
}

function libvirtProblems(uri: string): Problem[] {
  const { status, stderr, error } = spawnSync("virsh", ["-c", uri, "version"], {
    timeout: 5_000,
    encoding: "utf8",
  });
  if (status === 0) return [];
  const why = (error?.message ?? stderr.split("\n")[0] ?? "").trim();
  return [
    {
      field: "libvirt:uri",
      message: `${JSON.stringify(uri)} does not answer (${why}); start libvirtd, which ./deploy.sh does, or write a URI that answers`,
    },
  ];
}

function artifactProblems(): Problem[] {
  return existsSync(nodeImage().dir) && existsSync(payload().dir)
    ? []
    : [
        {
          field: "taiga:machines.image",
          message:
            '"debian" is not built yet, or its description has changed since; run ./deploy.sh, which builds it',
        },
      ];
}
