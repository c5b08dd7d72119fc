/** What a machine is made of, as a configuration says it: digests where it holds secrets or is large. */
export interface Makeup {
  readonly kind: "kvm" | "emulated" | "container";
  /** The hypervisor's name in the configuration. */
  readonly hypervisor: string;
  /** A digest of what it boots. */
  readonly image: string;
  /** A digest of its binaries and container images. */
  readonly payload: string;
  /** A digest of its Ignition. */
  readonly ignition: string;
  /** MiB. */
  readonly memory: number;
  readonly vcpus: number;
  /** MiB; none where the data is a folder. */
  readonly dataDisk?: number;
}

/** By the machines' names. */
export type Makeups = Readonly<Record<string, Makeup>>;

/** What happens, in order, when machines that stay are made of something else; undefined when they are not. */
export function changeOfMakeup(before: Makeups, after: Makeups): string | undefined {
  // The engine hands a mapping on in any order.
  const names = Object.keys(after).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const staying = names.flatMap((name) => {
    const [then, now] = [before[name], after[name]];
    return then && now ? [{ name, then, now }] : [];
  });
  const moves = staying.filter(({ then, now }) => isElsewhere(then, now));
  const inPlace = staying.filter(({ then, now }) => !isElsewhere(then, now));
  const replaced = grouped(inPlace, ({ then, now }) => reasons(then, now).join(", "));
  const grown = grouped(inPlace, ({ then: { dataDisk: from = 0 }, now: { dataDisk: to = 0 } }) =>
    from > 0 && to > from ? `from ${from} to ${to} MiB` : "",
  );
  const lines = [
    moves.length > 0 &&
      `warning: ${moves.map(({ name }) => name).join(", ")} get another hypervisor, or become containers or virtual machines: what is ` +
        "on their data volumes does not go along",
    replaced &&
      `replaced one after another, as each gets its turn: ${replaced}. For each: all others are whole, it is stopped and made anew ` +
        "under its name with its data volume kept, joins again, and the next one goes when its units run",
    grown &&
      `data disks grow in place, side by side, while the machines run${replaced ? " (a machine made anew: once it has joined)" : ""}: ` +
        grown,
  ];
  return lines.filter(Boolean).join("\n") || undefined;
}

/** A data volume is its hypervisor's, and a container's is no volume. */
const isElsewhere = (then: Makeup, now: Makeup): boolean =>
  then.hypervisor !== now.hypervisor || (then.kind === "container") !== (now.kind === "container");

function reasons(then: Makeup, now: Makeup): string[] {
  const valued = (field: "kind" | "memory" | "vcpus", unit = "") =>
    then[field] !== now[field] && `${field} ${then[field]} becomes ${now[field]}${unit}`;
  return [
    then.image !== now.image && "another image",
    then.payload !== now.payload && "other binaries or container images",
    then.ignition !== now.ignition && "another cloud-config",
    valued("kind"),
    valued("memory", " MiB"),
    valued("vcpus"),
  ].filter((each) => each !== false);
}

/** @returns `a, b (what is said of both); c (of it)`, without those of whom nothing is said. */
function grouped<T extends { readonly name: string }>(all: readonly T[], say: (each: T) => string): string {
  const groups = new Map<string, string[]>();
  for (const each of all) {
    const said = say(each);
    if (said) groups.set(said, [...(groups.get(said) ?? []), each.name]);
  }
  return [...groups].map(([said, names]) => `${names.join(", ")} (${said})`).join("; ");
}
