export { Configuration, type ConfigurationArgs } from "./configuration";
export { DataDisk, type DataDiskArgs } from "./data-disk";
export { Holders, type HoldersArgs } from "./holders";
export type { Makeup } from "./makeup";
export { Membership, type MembershipArgs } from "./membership";
export { Readiness, type ReadinessArgs } from "./readiness";
export { Seat, type SeatArgs } from "./seat";
