/** What is read here of a resource in a state. */
export interface Stored {
  readonly urn: string;
  readonly type: string;
}

/** What those of a state's resources take that are chosen: bytes, as the file backend writes them. */
export function bytesOf<T extends Stored>(
  resources: readonly T[],
  isChosen: (resource: T) => boolean,
): number {
  const written = (some: readonly T[]) =>
    Buffer.byteLength(JSON.stringify({ checkpoint: { latest: { resources: some } } }, undefined, 4));
  return written(resources) - written(resources.filter((each) => !isChosen(each)));
}

/** Whether a resource is of one of a cluster's machines, and not of what they share. */
export function isOfMachine({ urn }: Stored, prefix: string): boolean {
  const name = urn.slice(urn.lastIndexOf("::") + 2);
  return name.startsWith(`${prefix}-`) && /^\d+(-|$)/.test(name.slice(prefix.length + 1));
}
