/**
 * The part of Ignition's configuration, spec 3.3.0, that nodes are described with. 3.3 is the newest that Debian's
 * Ignition 2.14 reads; Flatcar and Fedora CoreOS read it too.
 */
export interface Ignition {
  readonly ignition: { readonly version: "3.3.0" };
  /** Ignition boots once more where they are not there yet. */
  readonly kernelArguments?: { readonly shouldExist: readonly string[] };
  readonly passwd?: { readonly users: readonly User[] };
  readonly storage?: { readonly files?: readonly File[]; readonly links?: readonly Link[] };
  readonly systemd?: { readonly units: readonly Unit[] };
}

export interface User {
  readonly name: string;
  readonly uid?: number;
  readonly gecos?: string;
  readonly homeDir?: string;
  readonly shell?: string;
  readonly system?: boolean;
  readonly noCreateHome?: boolean;
  readonly noUserGroup?: boolean;
  readonly primaryGroup?: string;
  readonly groups?: readonly string[];
  readonly passwordHash?: string;
  readonly sshAuthorizedKeys?: readonly string[];
}

export interface File {
  readonly path: string;
  /** Decimal, as JSON has no octal: 0o644 is 420. */
  readonly mode: number;
  /** Replaces what the image has there. */
  readonly overwrite: true;
  readonly user?: { readonly name: string };
  readonly group?: { readonly name: string };
  readonly contents: { readonly source: string; readonly compression?: "gzip" };
}

export interface Link {
  readonly path: string;
  readonly target: string;
  readonly overwrite?: boolean;
}

export interface Unit {
  readonly name: string;
  /** Written as a systemd preset, so it wants an [Install] section. */
  readonly enabled?: boolean;
  readonly mask?: boolean;
  readonly contents?: string;
  readonly dropins?: readonly { readonly name: string; readonly contents: string }[];
}

/** A file's content as the `data:` URL (RFC 2397) Ignition reads without a network. */
export function dataUrl(content: string | Buffer): string {
  return `data:;base64,${Buffer.from(content).toString("base64")}`;
}
