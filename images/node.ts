import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { load } from "js-yaml";
import { cached } from "../deploy/cache";
import { run } from "../deploy/run";
import { nodeImage, suite } from "./artifacts";
import { isolated } from "./isolated";

/** The size of a node's root disk, MiB; what is not written takes no room. */
const rootDiskMiB = 8192;
/** What the kernel needs to find its root disk and Ignition's configuration; ext4 is built in. In loading order. */
const bootModules = [
  "virtio_ring",
  "virtio",
  "virtio_pci_modern_dev",
  "virtio_pci_legacy_dev",
  "virtio_pci",
  "virtio_blk",
  "qemu_fw_cfg",
];

/** Builds Debian's node image unless it is there: root file system as a folder and as a disk, kernel, initial RAM disk. */
export function buildNodeImage(report: (line: string) => void): Promise<string> {
  return cached("node", nodeImage().key, async (dir) => {
    const { packages, exclude } = load(readFileSync(join(__dirname, "node.yaml"), "utf8")) as {
      packages: string[];
      exclude: string[];
    };
    const rootfs = join(dir, "rootfs");
    report("installing Debian's packages into the root file system");
    await run(
      ...isolated("mmdebstrap", [
        "--variant=minbase",
        "--mode=root",
        "--format=directory",
        `--include=${packages.join(",")}`,
        ...exclude.map((path) => `--dpkgopt=path-exclude=${path}`),
        suite,
        rootfs,
      ]),
      { log: join(dir, "build.log") },
    );
    prepare(rootfs);
    await run("chroot", [rootfs, "systemctl", "preset-all"], { log: join(dir, "build.log") });
    report("making the initial RAM disk and the disk image");
    await Promise.all([initialRamDisk(rootfs, dir), rootDisk(rootfs, dir)]);
  });
}

/** Leaves a file system that has never booted: no identity, no service enabled, Ignition ready to run. */
function prepare(rootfs: string): void {
  const at = (path: string) => join(rootfs, path);
  const write = (path: string, text: string) => {
    mkdirSync(join(at(path), ".."), { recursive: true });
    writeFileSync(at(path), text);
  };
  write("etc/machine-id", "uninitialized\n"); // systemd then takes this for the first boot
  for (const file of readdirSync(at("etc/ssh")))
    if (file.startsWith("ssh_host_")) rmSync(at(`etc/ssh/${file}`));
  write("etc/systemd/system-preset/50-nothing.preset", "disable *\n"); // after Ignition's 20, before the packages' own
  symlinkSync("/dev/null", at("etc/systemd/system/systemd-firstboot.service"));
  // Ignition relabels for SELinux without asking whether there is any: give it a policy with no file to relabel.
  write("etc/selinux/config", "SELINUX=disabled\nSELINUXTYPE=targeted\n");
  write("etc/selinux/targeted/contexts/files/file_contexts", "");
  write("usr/sbin/setfiles", "#!/bin/sh\nexit 0\n");
  chmodSync(at("usr/sbin/setfiles"), 0o755);
  mkdirSync(at("usr/libexec/taiga"), { recursive: true });
  for (const program of ["first-boot", "container-init"]) {
    copyFileSync(join(__dirname, "boot", program), at(`usr/libexec/taiga/${program}`));
  }
  for (const folder of ["opt/taiga", "var/lib/data"]) mkdirSync(at(folder), { recursive: true });
}

async function initialRamDisk(rootfs: string, dir: string): Promise<void> {
  const tree = join(dir, "initrd");
  for (const folder of ["bin", "lib/modules"]) mkdirSync(join(tree, folder), { recursive: true });
  copyFileSync("/bin/busybox", join(tree, "bin/busybox"));
  copyFileSync(join(__dirname, "boot/initrd-init"), join(tree, "init"));
  const kernel = readdirSync(join(rootfs, "lib/modules"))[0] as string;
  const known = readFileSync(join(rootfs, "lib/modules", kernel, "modules.dep"), "utf8")
    .split("\n")
    .map((line) => line.split(":")[0] as string);
  const list: string[] = [];
  for (const module of bootModules) {
    const path = known.find((each) => basename(each) === `${module}.ko`);
    if (!path) throw new Error(`kernel ${kernel} has no module ${module}, which a machine needs to boot`);
    copyFileSync(join(rootfs, "lib/modules", kernel, path), join(tree, "lib/modules", `${module}.ko`));
    list.push(`/lib/modules/${module}.ko`);
  }
  writeFileSync(join(tree, "modules"), `${list.join("\n")}\n`);
  await run(
    "sh",
    ["-c", `find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible | gzip -9n > ../initrd.img`],
    {
      cwd: tree,
    },
  );
  rmSync(tree, { recursive: true });
  copyFileSync(join(rootfs, "boot", `vmlinuz-${kernel}`), join(dir, "vmlinuz"));
}

async function rootDisk(rootfs: string, dir: string): Promise<void> {
  const raw = join(dir, "root.img");
  await run("truncate", ["-s", `${rootDiskMiB}M`, raw]);
  await run("mke2fs", ["-q", "-t", "ext4", "-L", "ROOT", "-E", "lazy_itable_init=1", "-d", rootfs, raw]);
  await run("qemu-img", ["convert", "-O", "qcow2", raw, join(dir, "root.qcow2")]);
  rmSync(raw);
}
