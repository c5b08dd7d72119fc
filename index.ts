import { servicesOn } from "./components/application-settings";
import { Cluster } from "./components/cluster";
import { readConfig } from "./components/config";
import { Taiga } from "./components/taiga";

const { settings, kind, credentials, protectData, tls, images: found } = readConfig();

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
  images: found,
  services: servicesOn(kind, application),
});

export const url = taiga.url;
/** What a client trusts, unless the stack has a certificate of its own. */
export const caCertificate = taiga.caCertificate;
/** Of Taiga's first user, where taiga:admin names one: `pulumi stack output adminPassword --show-secrets`. */
export const adminPassword = taiga.adminPassword;
export const images = taiga.images;
export const machines = cluster.machines.map(({ name, address, hypervisor, image }) => ({
  name,
  address,
  hypervisor,
  image,
}));
