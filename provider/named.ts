import type { CustomResourceOptions } from "@pulumi/pulumi";

/**
 * For what has its name from the program and not from us. A replacement under the same name (`--target-replace`) would
 * otherwise first find the old one, take it for its own, and then see it deleted as the old one.
 */
export const namedOnce: CustomResourceOptions = { deleteBeforeReplace: true };
