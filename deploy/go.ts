import { run } from "./run";

export interface GoBuild {
  /** The folder whose go.mod pins the versions. */
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
  const ldflags = ["-s -w", build.ldflags, build.cgo ? "-linkmode external -extldflags -static" : undefined];
  await run(
    "go",
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
      env: { GOFLAGS: "-mod=readonly", GOWORK: "off", CGO_ENABLED: build.cgo ? "1" : "0" },
      ...(build.log ? { log: build.log } : {}),
    },
  );
}
