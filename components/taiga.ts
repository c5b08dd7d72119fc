import { isIPv4 } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import { etcd, tls } from "../provider";
import { derive, parseCredentials } from "../provider/credentials";
import { type ApplicationSettings, emailKeys, featureKeys, type Services } from "./application-settings";
import type { Cluster } from "./cluster";
import { Service } from "./service";
import type { TlsSettings } from "./tls-settings";

export interface TaigaArgs {
  readonly cluster: Cluster;
  readonly credentials: pulumi.Output<string>;
  readonly application: ApplicationSettings;
  readonly services: Services;
  /** The gateways' certificate. */
  readonly tls: TlsSettings;
}

/** Taiga on a cluster: its configuration in etcd, its services in fleet, each behind its gate. */
export class Taiga extends pulumi.ComponentResource {
  /** The entry: an address that is on one machine at a time, or what is in front of them; every machine has a gateway. */
  readonly url: pulumi.Output<string>;
  /** The CA that signed the gateways' certificate, PEM; empty when that is the user's own. */
  readonly caCertificate: pulumi.Output<string>;
  readonly images = "rehearsal" as const;

  constructor(name: string, args: TaigaArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:index:Taiga", name, {}, options);
    const { cluster, application } = args;
    const instances = Math.min(2, cluster.machines.length);
    const addresses = cluster.machines.map(({ address }) => address);
    const within = { parent: this, deletedWith: cluster };
    const secret = (purpose: string) =>
      pulumi.secret(args.credentials.apply((text) => derive(parseCredentials(text), purpose)));

    // Keys are named as Taiga's own variables are, in lower case: a unit renders a directory to its environment.
    const config: Record<string, pulumi.Input<string>> = {
      "database/postgres_db": "taiga",
      "database/postgres_user": "taiga",
      "database/postgres_password": secret("postgres"),
      "database-member/patroni_replication_password": secret("postgres-replication"),
      "database-member/patroni_rewind_password": secret("postgres-rewind"),
      "database-member/patroni_restapi_password": secret("patroni-restapi"),
      "broker/rabbitmq_user": "taiga",
      "broker/rabbitmq_pass": secret("rabbitmq"),
      "broker-member/broker_cookie": secret("erlang-cookie"),
      "back/taiga_secret_key": secret("taiga-secret-key"),
      "back/taiga_sites_scheme": "https",
      "back/taiga_sites_domain": cluster.entry,
      "protected/secret_key": secret("taiga-secret-key"),
      "protected/max_age": "360",
      "front/taiga_url": `https://${cluster.entry}`,
      "front/taiga_websockets_url": `wss://${cluster.entry}`,
      ...(cluster.floating && { "entry/address": cluster.entry, "entry/machines": addresses.join(" ") }),
      "gateway/tls": this.certificate(name, args, addresses),
      ...below("features", featureKeys(application.features)),
      ...below("email", emailKeys(application.email)),
      ...(application.email.password
        ? { "email/email_host_password": pulumi.secret(application.email.password) }
        : {}),
    };
    const keys = Object.entries(config).map(
      ([path, value]) =>
        new etcd.Key(
          `/taiga/config/${path}`,
          { key: `/taiga/config/${path}`, value },
          { ...within, dependsOn: cluster.ready },
        ),
    );
    const service = (title: string, units: string[], after: pulumi.Resource[], count = instances) =>
      new Service(title, { units, instances: count }, { ...within, dependsOn: after });
    const whole = args.services === "all";
    // Three survive the loss of one; more would only make commits and confirmations slower.
    const members = whole ? Math.min(3, cluster.machines.length) : 1;
    const database = service("taiga-db", ["taiga-db@", "taiga-db-discovery@"], keys, members);
    const ambassador = service(
      "taiga-ambassador",
      ["taiga-ambassador", "taiga-ambassador-servers"],
      [cluster.ready],
    );
    const gateway = service(
      "taiga-gateway",
      ["taiga-gateway", "taiga-gateway-discovery", "taiga-gateway-servers"],
      keys,
    );
    const entry = service(
      "taiga-entry",
      cluster.floating ? ["taiga-entry", "taiga-config"] : ["taiga-config"],
      keys,
    );
    const front = service("taiga-front", ["taiga-front@", "taiga-front-discovery@"], keys);
    // Each waits by itself for what it needs: they start side by side, and change in this order, each after what it needs.
    const withDatabase = [...keys, ...database.units, ...ambassador.units];
    const back = service(
      "taiga-back",
      ["taiga-back@", "taiga-back-discovery@"],
      withDatabase,
      application.back.instances,
    );
    const beyondCore = () => {
      const broker = service("taiga-broker", ["taiga-broker@", "taiga-broker-discovery@"], keys, members);
      const withBroker = [...keys, ...broker.units, ...ambassador.units];
      return [
        service("taiga-async", ["taiga-async@"], [...withDatabase, ...broker.units]),
        service("taiga-beat", ["taiga-beat"], withBroker),
        service("taiga-events", ["taiga-events@", "taiga-events-discovery@"], withBroker),
        service("taiga-protected", ["taiga-protected@", "taiga-protected-discovery@"], keys),
      ];
    };

    this.url = pulumi
      .all([back, front, gateway, entry, ...(whole ? beyondCore() : [])].map(({ rollout }) => rollout.urn))
      .apply(() => `https://${cluster.entry}/`);
    this.caCertificate = pulumi.unsecret(
      args.credentials.apply((text) => (args.tls.kind === "own" ? "" : parseCredentials(text).caCertificate)),
    );
    this.registerOutputs({ url: this.url, caCertificate: this.caCertificate, images: this.images });
  }

  /** Private key and certificate in one text: they change together. */
  private certificate(name: string, args: TaigaArgs, machines: readonly string[]): pulumi.Output<string> {
    if (args.tls.kind === "own") return pulumi.secret(args.tls.bundle);
    const { entry } = args.cluster;
    const issued = new tls.Certificate(
      `${name}-gateway`,
      {
        commonName: isIPv4(entry) ? "taiga" : entry,
        addresses: isIPv4(entry) ? [entry, ...machines] : machines,
        days: args.tls.days,
      },
      { parent: this },
    );
    return pulumi.secret(issued.bundle);
  }
}

const below = (directory: string, keys: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${directory}/${key}`, value]));
