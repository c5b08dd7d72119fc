export { readDirectory } from "./directory";
export { Key, type KeyArgs } from "./key";
export { Prefix, type PrefixArgs } from "./prefix";
