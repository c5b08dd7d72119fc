import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { sudoAsksNothing } from "../deploy/as-root";
import { probeKvm } from "../deploy/kvm-probe";
import { volumesFolder } from "../deploy/volumes-folder";
import { nodeImage, payload } from "../images/artifacts";
import { publishedPath } from "../images/catalogue";
import { overlaps, parseCidr, plan } from "../nodes/plan";
import { containerUri } from "./container-domain";
import { freeNetwork, hostNetworks } from "./host-networks";
import { type Hypervisor, isLocal, soleHypervisor } from "./hypervisors";
import type { MachineKind } from "./machine-settings";
import type { Problem } from "./problem";
import type { Settings } from "./settings";

/** What of a stack's settings this host cannot give, found at preview and before anything is touched. */
export function hostProblems(settings: Settings, kind: MachineKind): Problem[] {
  const { hypervisors, link } = settings;
  const here = hypervisors.some(({ uri }) => isLocal(uri));
  return [
    ...(here && link.mode === "nat" ? networkProblems(settings) : []),
    ...(here ? poolProblems(settings) : []),
    ...hypervisors.flatMap(libvirtProblems),
    ...(kind === "container" ? containerProblems() : []),
    ...artifactProblems(settings),
  ];
}

/** What works, and should not be left so. */
export function hostWarnings({ pool, hypervisors }: Settings): Problem[] {
  if (!hypervisors.some(({ uri }) => isLocal(uri)) || !isOpen(dirname(pool))) return [];
  return [
    {
      field: "taiga:pool",
      message:
        `every user of this host can read what is in ${JSON.stringify(pool)}, the machines' keys and Taiga's data among it; close a folder above it ` +
        "to others (chgrp to the group QEMU runs as, chmod 0710), or write /var/lib/taiga/NAME",
    },
  ];
}

/** Whether any user may pass through a folder: the libvirt provider makes volumes that all may read. */
function isOpen(folder: string): boolean {
  if (folder === volumesFolder) return false; // ./deploy.sh closes it
  const passable = !existsSync(folder) || (statSync(folder).mode & 0o001) !== 0;
  return passable && (dirname(folder) === folder || isOpen(dirname(folder)));
}

export function machineKind(settings: Settings): { kind: MachineKind; problems: Problem[] } {
  const { kind } = settings.machines;
  if (kind === "emulated" || kind === "container") return { kind, problems: [] };
  if (kind === "kvm" && !settings.hypervisors.some(({ uri }) => isLocal(uri))) return { kind, problems: [] };
  const { works, reason } = probeKvm();
  if (works) return { kind: "kvm", problems: [] };
  const problem = {
    field: "taiga:machines.kind",
    message: `"kvm" does not work on this host: ${reason}; write auto, emulated or container`,
  };
  return { kind: "emulated", problems: kind === "kvm" ? [problem] : [] };
}

/** Another network than this stack's own bridge must not have the addresses: its hosts would be out of reach. */
function networkProblems({ network, containers, prefix }: Settings): Problem[] {
  const wanted = parseCidr(network);
  const { bridge } = plan({ prefix, cidr: network, count: 1 });
  const others = hostNetworks().filter((other) => other.interface !== bridge);
  const inner = parseCidr(containers);
  const remedy = (what: string) => `write another private network${what}`;
  return [
    ...others
      .filter((other) => overlaps(wanted, other))
      .map((other) => ({
        field: "taiga:network",
        message: `${JSON.stringify(network)} overlaps this host's ${other.interface} (${other.text}); ${remedy(`, such as "${freeNetwork([...others, inner])}"`)}`,
      })),
    // Routed by the machines alone; the host would reach its own network in place of a container.
    ...others
      .filter((other) => overlaps(inner, other))
      .map((other) => ({
        field: "taiga:containers",
        message: `${JSON.stringify(containers)} overlaps this host's ${other.interface} (${other.text}); ${remedy(" of 65,536 addresses (a /16)")}`,
      })),
  ];
}

function poolProblems({ pool }: Settings): Problem[] {
  let parent = pool;
  while (!existsSync(parent)) parent = dirname(parent);
  try {
    rmdirSync(mkdtempSync(join(parent, ".taiga-"))); // permission bits do not tell: root may write all but /proc
    return [];
  } catch (error) {
    // libvirtd makes the pool's folder, and is root where this user is not.
    if ((error as NodeJS.ErrnoException).code === "EACCES" && process.getuid?.() !== 0) return [];
    return [
      {
        field: "taiga:pool",
        message: `${JSON.stringify(pool)} cannot be written (at ${parent}); write a folder on a disk with room, such as /var/lib/taiga/NAME`,
      },
    ];
  }
}

function libvirtProblems({ name, uri }: Hypervisor): Problem[] {
  const why = silenceOf(uri);
  if (why === undefined) return [];
  return [
    {
      field: name === soleHypervisor ? name : `taiga:hypervisors.${name}`,
      message: `${JSON.stringify(uri)} does not answer (${why}); start libvirtd${isLocal(uri) ? ", which ./deploy.sh does," : " there"} or write a URI that answers`,
    },
  ];
}

function containerProblems(): Problem[] {
  const field = "taiga:machines.kind";
  // The engine has no terminal on which sudo could ask.
  if (process.getuid?.() !== 0 && !sudoAsksNothing())
    return [
      {
        field,
        message:
          '"container" machines are made by root, and sudo asks for a password here; run as root, have sudo ask nothing (NOPASSWD), or write auto',
      },
    ];
  const why = silenceOf(containerUri);
  if (why === undefined) return [];
  return [
    {
      field,
      message: `"container" needs ${containerUri}, which does not answer (${why}); run ./deploy.sh, which installs libvirt's LXC driver, or write auto`,
    },
  ];
}

/** Why a libvirt does not answer within five seconds; undefined when it does. */
function silenceOf(uri: string): string | undefined {
  const { status, stderr, error } = spawnSync("virsh", ["-c", uri, "version"], {
    timeout: 5_000,
    encoding: "utf8",
  });
  return status === 0 ? undefined : (error?.message ?? stderr.split("\n")[0] ?? "").trim();
}

function artifactProblems({ machines: { image } }: Settings): Problem[] {
  const field = "taiga:machines.image";
  const problems: Problem[] = [];
  // The payload is made with the image built here, whatever the machines boot.
  if (!existsSync(nodeImage().dir) || !existsSync(payload().dir))
    problems.push({
      field,
      message:
        '"debian" is not built yet, or its description has changed since; run ./deploy.sh, which builds it',
    });
  if (image.name !== "debian" && !existsSync(publishedPath(image).dir))
    problems.push({
      field,
      message: `"${image.name}" ${image.version} is not in the cache; run ./deploy.sh, which fetches it from ${image.source}`,
    });
  return problems;
}
