import { type Credentials, derive } from "../credentials";

/** What a user of etcd's v3 API may read and write: all below a prefix, which ends in a slash; "": everything. */
export interface EtcdUser {
  readonly name: string;
  readonly prefixes: readonly string[];
  /** A client that etcd knows by its certificate's common name has none. */
  readonly password?: string;
}

/** Above all rights, users and members: the provider's alone. Its certificate is minted in memory. */
export const root = "root";

/**
 * Who may do what. A certificate whose common name is none of these opens nothing, and so do those that containers hold.
 * The common name of a member's own certificate must never be one: its gateway to HTTP shows that to etcd for clients
 * that show nothing.
 */
export const etcdUsers = (credentials: Credentials): readonly EtcdUser[] => [
  { name: "machine", prefixes: [""] },
  { name: "flannel", prefixes: ["/coreos.com/network/"] },
  { name: databaseUser, prefixes: ["/service/taiga/"], password: databasePassword(credentials) },
];

/** Patroni speaks to the gateway, which knows no user by a certificate. */
export const databaseUser = "patroni";

export const databasePassword = (credentials: Credentials): string => derive(credentials, "etcd-patroni");

/** fleet's user of the v2 API, where its registry is: by it a unit runs on every machine, as root. */
export const fleetUser = "fleet";
export const fleetRegistry = "/_coreos.com/fleet";
