import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { defaults } from "../components/settings";
import { root } from "../deploy/environment";
import { libvirtUri } from "../deploy/libvirtd";
import { nodeImage, payload } from "../images/artifacts";
import { exampleValues } from "../nodes/placeholders";
import { type Plan, plan } from "../nodes/plan";
import { renderNode } from "../nodes/render";
import type { Options } from "./benchmark";

const { memory, vcpus, dataDisk } = defaults.machines;
const size = { memory, vcpus, dataDisk };

/** Three virtual machines with all that they need of libvirt, left off: as a program of the components, and as variables of machines.tf. */
export class VirtualMachines {
  readonly kind: "kvm" | "emulated";
  readonly #plan: Plan;
  readonly #pool: string;
  readonly #ignitions: Readonly<Record<string, string>>;

  constructor({ kind, stack, network }: Options) {
    this.kind = kind === "kvm" ? "kvm" : "emulated";
    this.#plan = plan({ prefix: `taiga-${stack}`, cidr: network, count: 3 });
    this.#pool = join("/var/lib/taiga", this.#plan.prefix);
    const { machines, gateway, prefixLength } = this.#plan;
    this.#ignitions = Object.fromEntries(
      machines.map(({ name, index, address, mac }) => [
        name,
        renderNode({ ...exampleValues, name, index: index + 1, address, prefixLength, gateway, mac }),
      ]),
    );
  }

  program(): string {
    return `import * as pulumi from "@pulumi/pulumi";
import { Machine } from ${JSON.stringify(join(root, "components/machine"))};
import { ClusterNetwork } from ${JSON.stringify(join(root, "components/network"))};
const plan = ${JSON.stringify(this.#plan)};
const ignitions = ${JSON.stringify(this.#ignitions)};
const pool = ${JSON.stringify(this.#pool)};
const network = new ClusterNetwork(plan.prefix, { plan, pool, disks: true });
for (const planned of plan.machines)
  new Machine(planned.name, {
    planned,
    pool,
    network,
    kind: ${JSON.stringify(this.kind)},
    settings: ${JSON.stringify(size)},
    ignition: pulumi.secret(ignitions[planned.name]),
    protectData: false,
    transform: { domain: { running: false } },
  });
`;
  }

  variables(): object {
    const { prefix, bridge, cidr, machines } = this.#plan;
    const { key, rootImage: disk, kernel, initrd } = nodeImage();
    const emulated = this.kind === "emulated";
    return {
      ...{ uri: libvirtUri, prefix, bridge, cidr, pool: this.#pool, size },
      image: { key, disk, kernel, initrd },
      payload: { key: payload().key, image: payload().image },
      machines: Object.fromEntries(
        machines.map(({ name, mac }) => [name, { mac, ignition: this.#ignitions[name] }]),
      ),
      type: emulated ? "qemu" : "kvm",
      cpu: emulated ? "maximum" : "host-passthrough",
      cmdline: [{ console: "ttyS0", apparmor: "0", ...(emulated && { mitigations: "off" }) }, { _: "quiet" }],
    };
  }

  /** The domains as libvirt has them, without what is another each time. */
  domains(): string {
    return this.#plan.machines
      .map(({ name }) =>
        execFileSync("virsh", ["-q", "-c", libvirtUri, "dumpxml", "--inactive", name], { encoding: "utf8" }),
      )
      .join("")
      .replace(/ *<uuid>.*\n/g, "");
  }
}
