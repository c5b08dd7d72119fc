import { isIPv4 } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import { cluster as clusters, etcd, registry, tls } from "../provider";
import { derive, parseCredentials } from "../provider/credentials";
import { adminKeys } from "./admin-settings";
import { type ApplicationSettings, emailKeys, featureKeys, type Services } from "./application-settings";
import type { Cluster } from "./cluster";
import { Service } from "./service";
import { imageServices, type ResolvedImages, rehearsalName } from "./taiga-images";
import type { TlsSettings } from "./tls-settings";

export interface TaigaArgs {
  readonly cluster: Cluster;
  readonly credentials: pulumi.Output<string>;
  readonly application: ApplicationSettings;
  readonly services: Services;
  /** What to run of Taiga in place of the rehearsal; those that the services need. */
  readonly images?: ResolvedImages | undefined;
  /** The gateways' certificate. */
  readonly tls: TlsSettings;
}

/** Taiga on a cluster: its configuration in etcd, its services in fleet, each behind its gate. */
export class Taiga extends pulumi.ComponentResource {
  /** The entry: an address that is on one machine at a time, or what is in front of them; every machine has a gateway. */
  readonly url: pulumi.Output<string>;
  /** The CA that signed the gateways' certificate, PEM; empty when that is the user's own. */
  readonly caCertificate: pulumi.Output<string>;
  /** Of the first user, as it was when the user was created; empty where `taiga:admin` names none. */
  readonly adminPassword: pulumi.Output<string>;
  /** What answers: Taiga itself, or its rehearsal. */
  readonly images: "taiga" | "rehearsal";

  constructor(name: string, args: TaigaArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:index:Taiga", name, {}, options);
    const { cluster, application } = args;
    const whole = args.services === "all";
    // Three survive the loss of one; two could not tell which of them is right. Fewer machines keep their own.
    const mediaMembers = whole && cluster.machines.length >= 3 ? 3 : 0;
    // Three survive the loss of one; more would only make commits and confirmations slower.
    const members = whole ? Math.min(3, cluster.machines.length) : 1;
    const instances = Math.min(2, cluster.machines.length);
    const addresses = cluster.machines.map(({ address }) => address);
    const within = { parent: this, deletedWith: cluster };
    const secret = (purpose: string) =>
      pulumi.secret(args.credentials.apply((text) => derive(parseCredentials(text), purpose)));

    const { admin } = application;
    this.adminPassword = pulumi.secret(
      admin ? (admin.password ?? secret("admin").apply((digits) => digits.slice(0, 24))) : "",
    );

    // Keys are named as Taiga's own variables are, in lower case: a unit renders a directory to its environment.
    const config: Record<string, pulumi.Input<string>> = {
      "database/postgres_db": application.database.name,
      "database/postgres_user": application.database.user,
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
      // The addresses of those that keep the media; none: each machine keeps its own.
      "media/members": addresses.slice(0, mediaMembers).join(" ") || "none",
      "gateway/tls": this.certificate(name, args, addresses),
      ...below("features", featureKeys(application.features)),
      ...below("email", emailKeys(application.email)),
      ...(application.email.password
        ? { "email/email_host_password": pulumi.secret(application.email.password) }
        : {}),
      ...(admin && {
        ...adminKeys(admin),
        "admin/django_superuser_password": this.adminPassword,
      }),
    };
    const names = cluster.machines.map((machine) => machine.name);
    const holders = new clusters.Holders(
      name,
      {
        members: names.slice(0, members),
        media: mediaMembers > 0 ? names.slice(0, mediaMembers) : names,
        machines: names,
        database: application.database,
      },
      { ...within, dependsOn: cluster.joined },
    );
    const keys = Object.entries(config).map(
      ([path, value]) =>
        new etcd.Key(
          `/taiga/config/${path}`,
          { key: `/taiga/config/${path}`, value },
          { ...within, dependsOn: holders },
        ),
    );
    const plain = (title: string, units: string[], after: pulumi.Resource[], count = instances) =>
      new Service(title, { units, instances: count }, { ...within, dependsOn: after });
    const copies = this.copies(args, within, plain);
    /** One that runs images of Taiga, once every machine has them. */
    const service = (title: string, units: string[], after: pulumi.Resource[], count = instances) =>
      new Service(
        title,
        { units, instances: count, images: copies.names },
        { ...within, dependsOn: [...after, ...copies.images] },
      );
    // A machine's agent starts one unit after another, in no order of its own: what takes longest to be active, and keeps what
    // is to be kept, goes to fleet before the rest. So it also changes first, and where that fails nothing else is touched.
    const database = plain("taiga-db", ["taiga-db@", "taiga-db-discovery@"], keys, members);
    const broker = whole
      ? plain("taiga-broker", ["taiga-broker@", "taiga-broker-discovery@"], keys, members)
      : undefined;
    const media = mediaMembers
      ? plain("taiga-media", ["taiga-media@", "taiga-media-discovery@"], keys, mediaMembers)
      : undefined;
    const stores = [database, broker, media].flatMap((each) => each ?? []);
    const withStores = stores.flatMap(({ units }) => units);
    const ambassador = plain(
      "taiga-ambassador",
      ["taiga-ambassador", "taiga-ambassador-servers"],
      withStores,
    );
    // Each waits by itself for what it needs: they start side by side, and change in this order.
    const withAmbassador = [...withStores, ...ambassador.units];
    const back = service(
      "taiga-back",
      ["taiga-back@", "taiga-back-discovery@"],
      withAmbassador,
      application.back.instances,
    );
    const gateway = plain(
      "taiga-gateway",
      ["taiga-gateway", "taiga-gateway-discovery", "taiga-gateway-servers"],
      withStores,
    );
    const entry = plain(
      "taiga-entry",
      cluster.floating ? ["taiga-entry", "taiga-config"] : ["taiga-config"],
      withStores,
    );
    const files = service("taiga-static", ["taiga-static"], withStores);
    const mount = plain("taiga-media-mount", ["taiga-media-mount"], withStores);
    const front = service("taiga-front", ["taiga-front@", "taiga-front-discovery@"], withStores);
    const beyondCore = () => [
      service("taiga-room", ["taiga-room"], withStores),
      service("taiga-async", ["taiga-async@"], withAmbassador),
      service("taiga-beat", ["taiga-beat"], withAmbassador),
      service(
        "taiga-events",
        ["taiga-events@", "taiga-events-discovery@", "taiga-events-watch@"],
        withAmbassador,
      ),
      service("taiga-protected", ["taiga-protected@", "taiga-protected-discovery@"], withStores),
    ];

    const resolved = Object.values(args.images ?? {});
    this.images = resolved.some(({ isRehearsal }) => !isRehearsal) ? "taiga" : "rehearsal";
    this.url = pulumi
      .all(
        [...stores, back, front, files, gateway, entry, mount, ...(whole ? beyondCore() : [])].map(
          ({ rollout }) => rollout.urn,
        ),
      )
      .apply(() => `https://${cluster.entry}/`);
    this.caCertificate = pulumi.unsecret(
      args.credentials.apply((text) => (args.tls.kind === "own" ? "" : parseCredentials(text).caCertificate)),
    );
    this.registerOutputs({
      url: this.url,
      caCertificate: this.caCertificate,
      adminPassword: this.adminPassword,
      images: this.images,
    });
  }

  /** A registry on every machine, which has the images that are not in the payload; nothing where all of them are. */
  private copies(
    { cluster, images = {} }: TaigaArgs,
    within: pulumi.CustomResourceOptions,
    service: (title: string, units: string[], after: pulumi.Resource[]) => Service,
  ): { readonly images: readonly registry.Image[]; readonly names: Readonly<Record<string, string>> } {
    const wanted = imageServices.flatMap((each) => {
      const image = images[each];
      return image ? [{ service: each, image }] : [];
    });
    if (wanted.length === 0) return { images: [], names: {} };
    const units = ["taiga-registry", "taiga-registry-peers", "taiga-registry-discovery"];
    const { rollout } = service("taiga-registry", units, [cluster.ready]);
    const machines = cluster.machines.map(({ name, address }) => ({ name, address }));
    return {
      images: wanted.map(
        ({ service: each, image: { source, id, name } }) =>
          new registry.Image(
            `taiga-${each}`,
            { source, imageId: id, name, machines, revision: cluster.revision },
            { ...within, dependsOn: rollout },
          ),
      ),
      names: Object.fromEntries(wanted.map(({ service: each, image }) => [rehearsalName(each), image.name])),
    };
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
