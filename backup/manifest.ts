import { BadFile } from "./sealed";

/** What begins a backup: whose it is. */
export interface Manifest {
  readonly format: typeof format;
  readonly version: number;
  readonly stack: string;
  /** ISO 8601. */
  readonly made: string;
  /** `postgres --version` of what made the dump: an older server does not read it. */
  readonly postgres: string;
}

const format = "taiga-backup";
/** Grows with each change that an older reader would not understand. */
const version = 1;

export const manifestOf = (stack: string, postgres: string): Manifest => ({
  format,
  version,
  stack,
  made: new Date().toISOString(),
  postgres,
});

/** @throws BadFile where it is another project's, or a later version's. */
export function readManifest(value: unknown): Manifest {
  const manifest = value as Partial<Manifest> | null;
  if (manifest?.format !== format || typeof manifest.stack !== "string")
    throw new BadFile("is no backup of this project");
  if (manifest.version !== version)
    throw new BadFile(
      `is of version ${manifest.version}, and this checkout reads ${version}: take the checkout that made it`,
    );
  return manifest as Manifest;
}
