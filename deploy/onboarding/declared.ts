/** What a stack has already, by the names etcd and fleet know it by. */
export interface Declared {
  readonly units: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
  /** Names of resources a new one of the same name would collide with. */
  readonly services: ReadonlySet<string>;
}

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Reads what `pulumi stack export` prints; secrets in it stay encrypted. */
export function declaredIn(exported: string): Declared {
  const { deployment } = JSON.parse(exported) as { deployment?: { resources?: readonly Resource[] } };
  const all = deployment?.resources ?? [];
  const of = (type: string) => all.filter((each) => each.type === type);
  // The values of a prefix may be secret as a whole; their revisions have the same names.
  const ofPrefix = ({ inputs, outputs }: Resource) =>
    Object.keys(outputs?.revisions ?? {}).map((name) => `${inputs?.prefix}/${name}`);
  return {
    units: new Set(of("pulumi-nodejs:dynamic/fleet:Unit").map(({ inputs }) => String(inputs?.name))),
    keys: new Set([
      ...of("pulumi-nodejs:dynamic/etcd:Key").map(({ inputs }) => String(inputs?.key)),
      ...of("pulumi-nodejs:dynamic/etcd:Prefix").flatMap(ofPrefix),
    ]),
    services: new Set(of("taiga:fleet:Service").map(({ urn }) => urn.split("::").at(-1) as string)),
  };
}
