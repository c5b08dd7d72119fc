import { servicesOn } from "./components/application-settings";
import { Cluster } from "./components/cluster";
import { readConfig } from "./components/config";
import { Taiga } from "./components/taiga";

const { settings, kind, credentials, protectData, tls } = readConfig();

const cluster = new Cluster(settings.prefix, {
  settings,
  kind,
  credentials,
  protectData,
});
const { application } = settings;
const taiga = new Taiga("taiga", {
  cluster,
  credentials,
  tls,
  application,
  services: servicesOn(kind, application),
});

export const url = taiga.url;
/** What a client trusts, unless the stack has a certificate of its own. */
export const caCertificate = taiga.caCertificate;
export const images = taiga.images;
export const machines = cluster.machines.map(({ name, address, hypervisor, image }) => ({
  name,
  address,
  hypervisor,
  image,
}));
