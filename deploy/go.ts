import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureGo } from "./go-toolchain";
import { run } from "./run";

export interface GoBuild {
  /** The folder whose go.mod and go.sum pin every version; the build does not write to it. */
  readonly moduleDir: string;
  readonly package: string;
  readonly out: string;
  readonly ldflags?: string;
  readonly tags?: string;
  /** Link C statically; without it the build takes no C at all. */
  readonly cgo?: boolean;
  readonly log?: string;
}

/** Builds one static Go program from a module of this project, with the same bytes wherever it is built. */
export async function goBuild(build: GoBuild): Promise<void> {
  const go = await ensureGo(wantedGo(build.moduleDir), build.log);
  const ldflags = ["-s -w", build.ldflags, build.cgo ? "-linkmode external -extldflags -static" : undefined];
  await run(
    go,
    [
      "build",
      "-trimpath",
      "-buildvcs=false",
      ...(build.tags ? ["-tags", build.tags] : []),
      "-ldflags",
      ldflags.filter(Boolean).join(" "),
      "-o",
      build.out,
      build.package,
    ],
    {
      cwd: build.moduleDir,
      env: {
        GOFLAGS: "-mod=readonly",
        GOWORK: "off",
        GOTOOLCHAIN: "local",
        CGO_ENABLED: build.cgo ? "1" : "0",
        PATH: `${dirname(go)}:${process.env.PATH}`,
      },
      ...(build.log ? { log: build.log } : {}),
    },
  );
}

/** The versions that the modules in these folders want, one each. */
export const wantedByModules = (...folders: string[]): string[] => [
  ...new Set(
    folders
      .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
      .filter((moduleDir) => existsSync(join(moduleDir, "go.mod")))
      .map(wantedGo),
  ),
];

/** The version after `go` in the module's go.mod. */
function wantedGo(moduleDir: string): string {
  const file = join(moduleDir, "go.mod");
  const version = /^go (\d+\.\d+(?:\.\d+)?)$/m.exec(readFileSync(file, "utf8"))?.[1];
  if (!version) throw new Error(`${file} has no line \`go 1.x.y\``);
  return version;
}
