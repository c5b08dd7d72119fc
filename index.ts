import { Cluster } from "./components/cluster";
import { readConfig } from "./components/config";
import { Taiga } from "./components/taiga";

const { settings, kind, credentials, protectData } = readConfig();

const cluster = new Cluster(settings.prefix, {
  settings,
  kind,
  credentials,
  protectData,
});
const taiga = new Taiga("taiga", { cluster, credentials });

export const url = taiga.url;
export const images = taiga.images;
export const machines = cluster.machines.map(({ name, address, hypervisor, image }) => ({
  name,
  address,
  hypervisor,
  image,
}));
