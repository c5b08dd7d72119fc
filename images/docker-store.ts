import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../deploy/run";
import { isolated } from "./isolated";

/**
 * Has the node image's own Docker load an archive of images, once and here, and leaves its store in `out`: `image/` with
 * what it knows of them and `overlay2/` with their layers. Machines take the first and link to the second
 * (libexec/docker-store), so that none unpacks an archive: an emulated one needs twenty minutes for it.
 * Docker and its mounts live in namespaces of their own, which end with it.
 */
export async function buildDockerStore(
  paths: { readonly rootfs: string; readonly archive: string; readonly work: string; readonly out: string },
  log: string,
): Promise<void> {
  const { rootfs, archive, work, out } = paths;
  for (const folder of ["upper", "work", "root", "data"]) mkdirSync(join(work, folder), { recursive: true });
  mkdirSync(out, { recursive: true });
  // An argument of unshare's shell, so that the end of this shell, the first process of its namespace, ends Docker.
  const script = `
    set -e
    mount -t overlay overlay -o "lowerdir=$ROOTFS,upperdir=upper,workdir=work" root
    mount -t proc proc root/proc
    mount --rbind /sys root/sys
    mount --rbind /dev root/dev
    mount -t tmpfs tmpfs root/run
    mkdir root/run/store root/run/archive
    mount --bind data root/run/store
    mount --bind "$ARCHIVE" root/run/archive
    docker() { chroot root docker -H unix:///run/docker.sock "$@"; }
    chroot root dockerd --data-root=/run/store --storage-driver=overlay2 --bridge=none --iptables=false \\
      --ip6tables=false -H unix:///run/docker.sock &
    tries=0
    until docker version >/dev/null 2>&1; do
      tries=$((tries + 1))
      [ "$tries" -lt 150 ] || { echo "Docker did not start within 30 s"; exit 1; }
      sleep 0.2
    done
    docker load -q -i /run/archive/rehearsal.tar
    kill "$!" && wait "$!" || true
    mv data/image data/overlay2 "$OUT/"`;
  await run(...isolated("sh", ["-c", script], ["--net"]), {
    cwd: work,
    env: { ROOTFS: rootfs, ARCHIVE: dirname(archive), OUT: out },
    log,
  });
}
