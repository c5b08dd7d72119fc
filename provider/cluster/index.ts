export { Configuration, type ConfigurationArgs } from "./configuration";
export { Membership, type MembershipArgs } from "./membership";
export { Readiness, type ReadinessArgs } from "./readiness";
