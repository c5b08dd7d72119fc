import type { ImageChoice } from "../images/catalogue";
import { type Hypervisor, isLocal, isThisHosts } from "./hypervisors";
import { readImage } from "./image";
import { type MachineSize, readSize } from "./machine-size";
import type { Complain, Problem } from "./problem";

export type MachineKind = "kvm" | "emulated" | "container";

/** What all machines have, unless their pool says otherwise. */
export interface MachineSettings extends MachineSize {
  /** Machines, each an etcd member: 1, 3 or 5; for a stack without pools. Default: 3. */
  readonly count: number;
  /** `auto` is kvm where it works, else emulated. Default: auto. */
  readonly kind: MachineKind | "auto";
  /** What machines boot: debian, flatcar, fcos, or one of these with version, source and checksum. Default: debian. */
  readonly image: ImageChoice;
}

export const machineDefaults = {
  count: 3,
  kind: "auto",
  memory: 1280,
  vcpus: 1,
  dataDisk: 4096,
  image: "debian",
} as const;

const kinds = ["auto", "kvm", "emulated", "container"] as const;

/** Reads `taiga:machines`; a field that is wrong is complained of, and has its default. */
export function readMachines(raw: unknown, complain: Complain, problems: Problem[]): MachineSettings {
  const isMapping = typeof raw === "object" && raw !== null && !Array.isArray(raw);
  if (!isMapping && raw !== undefined && raw !== null)
    complain("machines", raw, "is no mapping; write one such as { count: 3, kind: auto }");
  const given = (isMapping ? raw : {}) as Record<string, unknown>;
  for (const key of Object.keys(given).filter((name) => !Object.hasOwn(machineDefaults, name))) {
    complain(
      `machines.${key}`,
      given[key],
      `is for no known field; write one of ${Object.keys(machineDefaults).join(", ")}`,
    );
  }
  const machines: MachineSettings = {
    count: readCount(given.count, complain),
    kind: readKind(given.kind, complain),
    ...readSize(given, machineDefaults, (field, value, remedy) =>
      complain(`machines.${field}`, value, remedy),
    ),
    image: readImage(given.image, problems),
  };
  if (machines.kind === "container" && machines.image.name !== "debian")
    complain("machines.image", machines.image.name, "is for virtual machines; write debian, or kind: kvm");
  return machines;
}

function readKind(given: unknown, complain: Complain): MachineSettings["kind"] {
  const value = given ?? machineDefaults.kind;
  if (kinds.includes(value as (typeof kinds)[number])) return value as MachineSettings["kind"];
  complain("machines.kind", value, `is not known; write one of ${kinds.join(", ")}`);
  return machineDefaults.kind;
}

function readCount(given: unknown, complain: Complain): number {
  const value = given ?? machineDefaults.count;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 5) return value as number;
  complain("machines.count", value, "is no number of members; write 1, 3 or 5");
  return machineDefaults.count;
}

/**
 * What is automatic, or a container, is this host's alone.
 * @param used the names of the hypervisors that get machines
 */
export function checkKind(
  kind: MachineSettings["kind"],
  hypervisors: readonly Hypervisor[],
  used: readonly string[],
  complain: Complain,
): void {
  const refuse = (why: string, { name, uri }: Hypervisor) =>
    complain("machines.kind", kind, `is for ${why} alone, and ${name} is ${uri}; write kvm or emulated`);
  for (const each of hypervisors.filter(({ uri }) => !isLocal(uri)))
    if (kind === "auto" || kind === "container") refuse("this host", each);
  const elsewhere = hypervisors.find(
    ({ name, uri }) => used.includes(name) && isLocal(uri) && !isThisHosts(uri),
  );
  if (kind === "container" && elsewhere) refuse("this host's own libvirt", elsewhere);
}
