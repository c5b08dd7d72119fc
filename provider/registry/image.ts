import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";

export interface ImageArgs {
  /** As skopeo reads it. @example "docker://docker.io/taigaio/taiga-back:6.10.2" */
  readonly source: string;
  /** The image's id: digest of its configuration, hexadecimal. */
  readonly imageId: string;
  /** What units call it, on every machine. */
  readonly name: string;
  /** Every planned machine. */
  readonly machines: readonly { readonly name: string; readonly address: string }[];
  /** Changes with any machine: one that is new has an empty registry. */
  readonly revision: pulumi.Input<string>;
}

/** An image in the registry of every machine, and known to its Docker before anything is told to run it. */
export class Image extends DynamicResource {
  constructor(name: string, args: ImageArgs, options?: pulumi.CustomResourceOptions) {
    super("image", "registry:Image", name, { ...args }, options);
  }
}
