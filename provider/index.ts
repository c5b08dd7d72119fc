/** The dynamic resources, by the part of the cluster they register things in. */
export * as access from "./access";
export * as cluster from "./cluster";
export * as etcd from "./etcd";
export * as fleet from "./fleet";
export * as registry from "./registry";
export * as tls from "./tls";
