export { Key, type KeyArgs } from "./key";
