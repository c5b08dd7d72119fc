import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";
import { bootImage } from "../images/artifacts";
import { digest } from "./digest";
import type { MachineArgs, MadeMachine } from "./machine";
import { defaults } from "./settings";
import { transformed } from "./transform";

const mebibyte = 1024 * 1024;

/** A libvirt domain under QEMU, with KVM where it works. Disks: vda overlay, vdb data, vdc payload. */
export function virtualMachine(name: string, args: MachineArgs, parent: pulumi.Resource): MadeMachine {
  const { planned, settings, network, transform } = args;
  const boot = network.boot;
  if (!boot) throw new Error(`machine ${planned.name}: its network was made without boot volumes`);
  const image = bootImage(args.image ?? { name: "debian" });
  const pool = network.pool.name;
  const ignitionKey = pulumi.unsecret(args.ignition.apply(digest));

  const ignition = new libvirt.Ignition(
    ...transformed(
      transform?.ignition,
      `${name}-ignition`,
      { name: pulumi.interpolate`${planned.name}-${ignitionKey}.ign`, pool, content: args.ignition },
      { parent, deleteBeforeReplace: false },
    ),
  );
  // Disks neither update nor replace a domain by themselves, so an overlay's name says what it was made for.
  const overlay = new libvirt.Volume(
    ...transformed(
      transform?.overlay,
      `${name}-overlay`,
      {
        name: pulumi.interpolate`${planned.name}-${image.key}-${ignitionKey}`,
        pool,
        baseVolumeId: boot.base.id,
        format: "qcow2",
      },
      { parent },
    ),
  );
  const data = new libvirt.Volume(
    ...transformed(
      transform?.data,
      `${name}-data`,
      { name: `${planned.name}-data`, pool, size: settings.dataDisk * mebibyte, format: "qcow2" },
      // Another size would be another volume, without the data: cluster.DataDisk grows this one.
      { parent, protect: args.protectData, ignoreChanges: ["size"] },
    ),
  );
  // A volume that several domains write-lock needs an overlay for each; nothing is ever written to it.
  const payload = new libvirt.Volume(
    ...transformed(
      transform?.payload,
      `${name}-payload`,
      {
        name: pulumi.interpolate`${planned.name}-${boot.payload.name}`,
        pool,
        baseVolumeId: boot.payload.id,
        format: "qcow2",
      },
      { parent },
    ),
  );
  const domain = new libvirt.Domain(
    ...transformed(
      transform?.domain,
      `${name}-domain`,
      {
        name: planned.name,
        type: args.kind === "kvm" ? "kvm" : "qemu",
        cpu: { mode: args.kind === "kvm" ? "host-passthrough" : "maximum" },
        memory: settings.memory,
        vcpu: settings.vcpus,
        running: true,
        autostart: true,
        ...(boot.direct && {
          kernel: boot.direct.kernel.id,
          initrd: boot.direct.initrd.id,
          // Words without a value last: as the provider reads them back, or each preview shows a change. The kernel would have
          // Docker load an AppArmor profile into it, for each container a compiler's run of seconds where it is emulated.
          // An emulated processor does not speculate, and detours around that cost it more than a real one.
          cmdlines: [
            { console: "ttyS0", apparmor: "0", ...(args.kind === "emulated" && { mitigations: "off" }) },
            { _: "quiet" },
          ],
        }),
        coreosIgnition: ignition.id,
        ...(image.fwCfgName && { fwCfgName: image.fwCfgName }),
        disks: [{ volumeId: overlay.id }, { volumeId: data.id }, { volumeId: payload.id }],
        networkInterfaces: [{ ...network.attachment, mac: planned.mac.toUpperCase() }],
        consoles: [{ type: "pty", targetType: "serial", targetPort: "0" }],
      },
      { parent, replaceOnChanges: ["disks", "kernel", "initrd"], deleteBeforeReplace: true },
    ),
  );
  return {
    domain,
    revision: pulumi.all([overlay.name, payload.name, domain.id]).apply((parts) => digest(parts.join())),
    image: image.label,
    hypervisor: args.libvirt ?? defaults.libvirt,
    data: { pool: data.pool as pulumi.Output<string>, volume: data.name },
  };
}
