import { createHash } from "node:crypto";
import type * as pulumi from "@pulumi/pulumi";
import type { Credentials } from "../credentials";
import { DynamicResource } from "../dynamic";
import { etcdUsers } from "./users";

export interface AccessArgs {
  /** A digest of the users and their rights. */
  readonly users: pulumi.Input<string>;
  /** When each machine was brought in: a cluster that was made anew is told again. */
  readonly enrolled: pulumi.Input<pulumi.Input<string>[]>;
}

/**
 * Who may do what in etcd: users and roles of its v3 API, fleet's registry closed to all but fleet. Before it etcd does
 * whatever a certificate of the stack's CA asks for.
 */
export class Access extends DynamicResource {
  constructor(name: string, args: AccessArgs, options?: pulumi.CustomResourceOptions) {
    super("access", "etcd:Access", name, { ...args }, options);
  }
}

export const usersDigest = (credentials: Credentials): string =>
  createHash("sha256")
    .update(JSON.stringify(etcdUsers(credentials)))
    .digest("hex")
    .slice(0, 16);
