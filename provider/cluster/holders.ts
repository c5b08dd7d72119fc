import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";
import type { DatabaseNames } from "./database-names";

/** Names of machines, and of what those with the database have. */
export interface HoldersArgs {
  /** Those with members of database and broker. */
  readonly members: readonly string[];
  /** Those with media: members of their storage, or each machine with its own. */
  readonly media: readonly string[];
  /** All there are. */
  readonly machines: readonly string[];
  readonly database: DatabaseNames;
}

/**
 * The machines that hold Taiga's data. More of them is an update; a preview in which one is to hold it no more fails, since
 * members that end together take with them what the last one lacks, and media of a machine's own are nowhere else. So does one
 * with another name or owner of the database, which is made once.
 */
export class Holders extends DynamicResource {
  constructor(name: string, args: HoldersArgs, options?: pulumi.CustomResourceOptions) {
    super("holders", "cluster:Holders", name, { ...args }, options);
  }
}
