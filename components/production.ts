import { parseCloudConfig } from "../nodes/cloud-config";
import { isPlain } from "./hypervisors";
import { placements } from "./node-pools";
import { openPorts } from "./open-ports";
import type { Problem } from "./problem";
import type { Settings } from "./settings";

export interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * What a stack with `taiga:production` must not do. Pure: it asks nothing of host or hypervisors.
 * @param settings without problems of their own.
 * @param protectData `taiga:protectData`.
 */
export function productionFindings(settings: Settings, protectData: boolean): Findings {
  const found = [
    ...memberProblems(settings),
    ...spreadProblems(settings),
    ...kindProblems(settings),
    ...openPortProblems(settings),
    ...imageProblems(settings),
    ...(protectData
      ? []
      : [problem("protectData", "is false; write true: a data volume must not go with a destroy")]),
  ];
  const doubts = [...majorityDoubts(settings), ...rehearsalDoubts(settings)];
  return settings.production ? { problems: found, warnings: doubts } : { problems: [], warnings: [] };
}

const problem = (field: string, message: string): Problem => ({ field: `taiga:${field}`, message });

/** The field that says how many machines there are. */
const countField = ({ pools }: Settings): string =>
  pools.some(({ name }) => name !== undefined) ? "pools" : "machines.count";

function memberProblems(settings: Settings): Problem[] {
  const members = placements(settings.pools).length;
  if (members === 1)
    return [problem(countField(settings), "makes 1 machine, whose loss is the loss of all; write 3 or 5")];
  if (members % 2 === 0)
    return [
      problem(
        countField(settings),
        `makes ${members} machines, which survive the loss of ${members / 2 - 1}, as ${members - 1} do; write ${members - 1} or ${members + 1}`,
      ),
    ];
  return [];
}

/** Members of etcd by hypervisor, the fullest first. */
function members(settings: Settings): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { hypervisor } of placements(settings.pools))
    counts.set(hypervisor, (counts.get(hypervisor) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}

function spreadProblems(settings: Settings): Problem[] {
  const [fullest, ...others] = members(settings);
  if (!fullest || fullest[1] === 1 || others.length > 0) return [];
  return [
    problem(
      "hypervisors",
      `has all ${fullest[1]} members on ${fullest[0]}, and goes down with it; write two more, each with its URI`,
    ),
  ];
}

function majorityDoubts(settings: Settings): Problem[] {
  const all = members(settings);
  const [fullest] = all;
  const total = all.reduce((sum, [, count]) => sum + count, 0);
  if (!fullest || all.length === 1 || fullest[1] * 2 <= total) return [];
  return [
    problem(
      "hypervisors",
      `has ${fullest[1]} of ${total} members on ${fullest[0]}, and no quorum without it; write three hypervisors, or place fewer there`,
    ),
  ];
}

function kindProblems({ machines: { kind } }: Settings): Problem[] {
  if (kind === "kvm") return [];
  const why = {
    auto: "may come to an emulated machine",
    emulated: "is some twenty times slower than the machine it is on",
    container: "isolates machines less than virtual ones",
  }[kind];
  return [problem("machines.kind", `is ${JSON.stringify(kind)}, which ${why}; write kvm`)];
}

function openPortProblems({ hypervisors, cloudConfig }: Settings): Problem[] {
  const plain = hypervisors.filter(({ uri }) => isPlain(uri));
  const config = cloudConfig ? openPorts(parseCloudConfig(cloudConfig)) : [];
  return [
    ...plain.map(({ name, uri }) =>
      problem(
        `hypervisors.${name}`,
        `is ${JSON.stringify(uri)}, a port that asks nobody who he is; write qemu+tls:// or qemu+ssh://`,
      ),
    ),
    ...config.map(({ path, message }) => problem(`cloudConfig ${path}`, message)),
  ];
}

function rehearsalDoubts({ application: { images } }: Settings): Problem[] {
  return images
    ? []
    : [
        problem(
          "images",
          "is left out, so the rehearsal stands in for Taiga; write where Taiga's images are",
        ),
      ];
}

/** The image made here is named by its description, and holds what Debian had on the day. */
function imageProblems({ machines: { image } }: Settings): Problem[] {
  return image.name === "debian"
    ? [
        problem(
          "machines.image",
          'is "debian", built of the packages of the day, so that another host builds another; write flatcar or fcos, which are pinned',
        ),
      ]
    : [];
}
