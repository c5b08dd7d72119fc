/** The dynamic resources, by the part of the cluster they register things in. */
export * as cluster from "./cluster";
export * as etcd from "./etcd";
export * as fleet from "./fleet";
export * as tls from "./tls";
