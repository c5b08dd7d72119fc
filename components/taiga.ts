import * as pulumi from "@pulumi/pulumi";
import { etcd } from "../provider";
import { derive, parseCredentials } from "../provider/credentials";
import type { Cluster } from "./cluster";
import { Service } from "./service";

export interface TaigaArgs {
  readonly cluster: Cluster;
  readonly credentials: pulumi.Output<string>;
  /** Instances of back and of front, one a machine at most. Default: one a machine, two at most. */
  readonly instances?: number;
}

/** Taiga on a cluster: its configuration in etcd, its services in fleet, each behind its gate. */
export class Taiga extends pulumi.ComponentResource {
  /** The gateway on the first machine; every machine has one. */
  readonly url: pulumi.Output<string>;
  readonly images = "rehearsal" as const;

  constructor(name: string, args: TaigaArgs, options?: pulumi.ComponentResourceOptions) {
    super("taiga:index:Taiga", name, {}, options);
    const { cluster } = args;
    const instances = args.instances ?? Math.min(2, cluster.machines.length);
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
      "back/taiga_sites_scheme": "http",
      "back/taiga_sites_domain": cluster.machines[0]?.address ?? "localhost",
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
    // Three survive the loss of one; more would only make commits and confirmations slower.
    const members = Math.min(3, cluster.machines.length);
    const database = service("taiga-db", ["taiga-db@", "taiga-db-discovery@"], keys, members);
    const broker = service("taiga-broker", ["taiga-broker@", "taiga-broker-discovery@"], keys, members);
    const ambassador = service(
      "taiga-ambassador",
      ["taiga-ambassador", "taiga-ambassador-servers"],
      [cluster.ready],
    );
    const gateway = service(
      "taiga-gateway",
      ["taiga-gateway", "taiga-gateway-discovery", "taiga-gateway-upstreams"],
      [cluster.ready],
    );
    const front = service("taiga-front", ["taiga-front@", "taiga-front-discovery@"], [cluster.ready]);
    const back = service(
      "taiga-back",
      ["taiga-back@", "taiga-back-discovery@"],
      [...keys, database.rollout, ambassador.rollout],
    );

    this.url = pulumi
      .all([back, front, gateway, broker].map(({ rollout }) => rollout.urn))
      .apply(() => `http://${cluster.machines[0]?.address}/`);
    this.registerOutputs({ url: this.url, images: this.images });
  }
}
