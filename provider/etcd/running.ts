/**
 * What a cluster writes of itself while it runs, and what goes with its database or with Pulumi: flannel, Patroni, and this
 * project's own announcements, locks and marks. None of it is for another cluster or for a program.
 */
export const writtenWhileRunning: readonly string[] = [
  ...["services", "gateways", "locks", "broker", "media", "migrations"].map((name) => `/taiga/${name}/`),
  ...["/service/taiga/", "/coreos.com/network/"],
];

/** Who was created as a first user (libexec/first-user): true of the database's rows, so it goes with them. */
export const firstUsers = "/taiga/first-users/";
