import { chmodSync, cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cached, contentKey } from "../deploy/cache";
import { goBuild } from "../deploy/go";
import { run } from "../deploy/run";
import { containersKey, payload } from "./artifacts";
import { buildContainers } from "./containers";
import { buildDockerStore } from "./docker-store";

const modules = (name: string) => join(__dirname, "go", name);

const programs = [
  { name: "etcd", module: "etcd", package: "go.etcd.io/etcd/server/v3" },
  { name: "etcdctl", module: "etcd", package: "go.etcd.io/etcd/etcdctl/v3" },
  { name: "fleetd", module: "fleet", package: "github.com/coreos/fleet/fleetd" },
  { name: "fleetctl", module: "fleet", package: "github.com/coreos/fleet/fleetctl" },
  {
    name: "flanneld",
    module: "flannel",
    package: "github.com/flannel-io/flannel",
    cgo: true,
    tags: "netgo,osusergo",
  },
] as const;

/** Builds the payload unless it is there: cluster programs, node scripts and container images, read-only on every node. */
export async function buildPayload(
  nodeImage: Promise<string>,
  report: (line: string) => void,
): Promise<string> {
  const [bin, images, node] = await Promise.all([
    buildPrograms(report),
    buildContainers(containersKey(), report),
    nodeImage,
  ]);
  return cached("payload", payload().key, async (dir) => {
    report("packing programs, scripts and container images");
    const tree = join(dir, "tree");
    cpSync(bin, join(tree, "bin"), { recursive: true });
    cpSync(join(__dirname, "libexec"), join(tree, "libexec"), { recursive: true });
    for (const script of readdirSync(join(tree, "libexec"))) chmodSync(join(tree, "libexec", script), 0o755);
    report("having the node's Docker load the container images");
    const work = join(dir, "docker");
    await buildDockerStore(
      {
        rootfs: join(node, "rootfs"),
        archive: join(images, "rehearsal.tar"),
        work,
        out: join(tree, "docker"),
      },
      join(dir, "docker.log"),
    );
    rmSync(work, { recursive: true });
    // Uncompressed: an emulated machine reads faster than it unpacks.
    await run("mksquashfs", [
      tree,
      join(dir, "payload.squashfs"),
      "-quiet",
      "-no-progress",
      "-noI",
      "-noD",
      "-noF",
      "-noX",
    ]);
  });
}

async function buildPrograms(report: (line: string) => void): Promise<string> {
  return cached("programs", contentKey({ files: [modules("")], values: programs }), async (dir) => {
    for (const program of programs) {
      report(`compiling ${program.name}`);
      const out = join(dir, program.name);
      await goBuild({ ...program, moduleDir: modules(program.module), out, log: `${dir}.log` });
      if (!existsSync(out)) throw new Error(`go build of ${program.package} left no program`);
    }
  });
}
