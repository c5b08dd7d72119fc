import * as pulumi from "@pulumi/pulumi";
import { bootImage, payload } from "../images/artifacts";
import type { ImageChoice } from "../images/catalogue";
import type { cluster } from "../provider";
import { digest } from "./digest";
import type { MachineKind } from "./machine-settings";
import type { NodePool, Placement } from "./node-pools";

/** What the machines of a cluster are made of, each with its place and its rendered Ignition; without what transforms change. */
export function makeupOf(
  kind: MachineKind,
  image: ImageChoice,
  machines: readonly {
    readonly name: string;
    readonly placed: Placement;
    readonly ignition: pulumi.Output<string>;
  }[],
): Record<string, pulumi.Output<cluster.Makeup>> {
  const common = { kind, image: bootImage(image).key, payload: payload().key };
  const sizeOf = ({ memory, vcpus, dataDisk }: NodePool) =>
    kind === "container" ? { memory, vcpus } : { memory, vcpus, dataDisk };
  return Object.fromEntries(
    machines.map(({ name, placed: { pool, hypervisor }, ignition }) => [
      name,
      pulumi.unsecret(
        ignition.apply((text) => ({ ...common, hypervisor, ...sizeOf(pool), ignition: digest(text) })),
      ),
    ]),
  );
}
