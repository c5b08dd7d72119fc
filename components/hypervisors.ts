import { Reader } from "../nodes/reader";
import type { Problem } from "./problem";

/** A libvirt that has machines of the stack. */
export interface Hypervisor {
  /** As pools name it. That of a stack without `taiga:hypervisors` has the name of the key its URI is from. */
  readonly name: string;
  /** @example "qemu+ssh://taiga@rack1.example.org/system" */
  readonly uri: string;
}

/** The name of the only hypervisor of a stack that lists none; none that is listed can have it. */
export const soleHypervisor = "libvirt:uri";

/** libvirt's remote URIs (https://libvirt.org/uri.html), less those of other drivers. */
const uriPattern = /^qemu(\+(ssh|tls|tcp|unix|libssh|libssh2))?:\/\/([^/?#\s]*)\/(system|session)(\?\S*)?$/;
const expectedUri =
  "a libvirt URI such as qemu+ssh://taiga@rack1.example.org/system or qemu+tls://rack1.example.org/system";

/** Whether a URI names the libvirt of this very host. */
export const isLocal = (uri: string): boolean => (uriPattern.exec(uri)?.[3] ?? "") === "";

/** Whether a URI leads to the libvirt that this host's own programs take without one, which has its files and containers. */
export const isThisHosts = (uri: string): boolean => isLocal(uri) && !/[?&]socket=/.test(uri);

/** Host, path and options, whoever logs in and however. */
const placeOf = (uri: string): string => uri.replace(/^[^:]+:\/\/([^@/]*@)?/, "");

/** The hypervisor's transport sends all in the clear, and asks nobody who he is. */
export const isPlain = (uri: string): boolean => uri.startsWith("qemu+tcp:");

/**
 * Reads `taiga:hypervisors`, a mapping of names to libvirt URIs.
 * @param uri that of a stack which lists none.
 */
export function readHypervisors(given: unknown, uri: string, problems: Problem[]): readonly Hypervisor[] {
  const notes: { path: string; message: string }[] = [];
  const all = new Reader(given ?? {}, "taiga:hypervisors", notes);
  if (typeof all.value !== "object" || Array.isArray(all.value))
    all.complain(
      "a mapping of names to libvirt URIs, such as { rack1: qemu+ssh://rack1.example.org/system }",
    );
  const listed = all.keys().map((name): Hypervisor => {
    const one = all.field(name);
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
      one.complain("a name of lower-case letters, digits and hyphens before it, such as rack1");
    return { name, uri: one.match(uriPattern, expectedUri) };
  });
  for (const [index, { uri: one }] of listed.entries()) {
    const first = listed.findIndex((each) => placeOf(each.uri) === placeOf(one));
    if (first < index)
      all
        .field(listed[index]?.name ?? "")
        .complain(`another URI; ${listed[first]?.name} is the same libvirt, and would be counted as two`);
  }
  problems.push(...notes.map(({ path, message }) => ({ field: path, message })));
  return listed.length > 0 ? listed : [{ name: soleHypervisor, uri }];
}
