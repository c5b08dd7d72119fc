export { Rollout, type RolloutArgs } from "./rollout";
export { Unit, type UnitArgs } from "./unit";
