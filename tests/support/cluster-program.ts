import { Cluster } from "../../components/cluster";
import { readConfig } from "../../components/config";

/** The machines of a stack and what joins them, without Taiga: where etcd and fleet are all that a test wants. */
const { settings, kind, credentials, protectData } = readConfig();

export const cluster = new Cluster(settings.prefix, { settings, kind, credentials, protectData });
