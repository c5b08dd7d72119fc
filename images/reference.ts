/** Where an image is, as skopeo reads it (containers-transports(5)). */
export interface ImageReference {
  /** @example "docker://docker.io/taigaio/taiga-back:6.10.2" */
  readonly text: string;
  readonly transport: Transport;
  /** Of transports that name one: a file or a folder of this host. */
  readonly path?: string;
  /** The tag, where there is one: for people. */
  readonly version?: string;
}

export type Transport = (typeof transports)[number];
export const transports = ["docker", "docker-archive", "oci", "dir"] as const;

/** Words for whatever is new on the day. A version has a digit. */
const pinned = /\d/;

/** What is wrong with a reference, and what to write instead: "is …; write …". */
export class BadReference extends Error {}

/**
 * Reads an image reference of one of the transports that name an image which stays what it is.
 * @throws BadReference
 */
export function parseReference(text: string): ImageReference {
  const transport = transports.find((each) => text.startsWith(`${each}:`));
  if (!transport)
    throw new BadReference(
      "has no transport that is known; write docker://HOST/NAME:VERSION, docker-archive:FILE, oci:FOLDER:VERSION or dir:FOLDER",
    );
  const rest = text.slice(transport.length + 1);
  return transport === "docker" ? parseRemote(text, rest) : parseLocal(text, transport, rest);
}

function parseRemote(text: string, rest: string): ImageReference {
  const { name, version, digest } =
    /^\/\/(?<name>[a-z0-9][\w.-]*(?::\d+)?(?:\/[\w.-]+)+?)(?::(?<version>[\w][\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/i.exec(
      rest,
    )?.groups ?? {};
  if (!name)
    throw new BadReference("names no image; write one such as docker://docker.io/taigaio/taiga-back:6.10.2");
  if (!digest && !pinned.test(version ?? ""))
    throw new BadReference(
      `is whatever is new on the day; write a version or a digest, such as docker:${name ? `//${name}` : ""}:6.10.2 or …@sha256:…`,
    );
  // skopeo takes a tag or a digest, not both; the digest says more.
  return {
    text: digest ? `docker://${name}@${digest}` : text,
    transport: "docker",
    ...(version ? { version } : {}),
  };
}

function parseLocal(text: string, transport: Exclude<Transport, "docker">, rest: string): ImageReference {
  const { path, name } = /^(?<path>\/[^:]*)(?::(?<name>.+))?$/.exec(rest)?.groups ?? {};
  if (!path || (transport === "dir" && name))
    throw new BadReference(
      `names no ${transport === "docker-archive" ? "file" : "folder"} of this host; write its whole path, such as ${transport}:/srv/images/taiga-back`,
    );
  const version = name?.split(":").at(-1);
  if (version === "latest")
    throw new BadReference(
      "is whatever is new on the day; write the name of a version that stays what it is",
    );
  return { text, transport, path, ...(version && /^[\w][\w.-]*$/.test(version) ? { version } : {}) };
}
