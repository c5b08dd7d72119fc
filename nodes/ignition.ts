/** The part of Ignition's configuration, spec 3.3.0, that cloud-config is translated to. */
export interface Ignition {
  readonly ignition: { readonly version: "3.3.0" };
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
  readonly primaryGroup?: string;
  readonly groups?: readonly string[];
  readonly passwordHash?: string;
  readonly sshAuthorizedKeys?: readonly string[];
}

export interface File {
  readonly path: string;
  /** Decimal, as JSON has no octal: 0o644 is 420. */
  readonly mode: number;
  readonly overwrite: true;
  readonly user?: { readonly name: string };
  readonly group?: { readonly name: string };
  readonly contents: { readonly source: string };
}

export interface Link {
  readonly path: string;
  readonly target: string;
  readonly overwrite?: boolean;
}

export interface Unit {
  readonly name: string;
  readonly enabled?: boolean;
  readonly mask?: boolean;
  readonly contents?: string;
  readonly dropins?: readonly { readonly name: string; readonly contents: string }[];
}

/** A file's content as the `data:` URL Ignition reads without a network. */
export function dataUrl(content: string | Buffer): string {
  return `data:;base64,${Buffer.from(content).toString("base64")}`;
}
