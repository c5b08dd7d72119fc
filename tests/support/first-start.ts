import { setTimeout as sleep } from "node:timers/promises";
import { databaseUser } from "../../provider/access/users";
import { rangeOf } from "../../provider/access/v3";
import type { Machine, SshPool } from "../../provider/clients/ssh";
import type { Connection } from "../../provider/connection";
import { psql } from "./primaries";

/** A database of one member that is made for the first time on a machine, beside the one that serves: the same image and etcd, other data, scope and address. */
export class FirstStart {
  readonly #data: string;
  readonly #claim: string;
  private readonly ssh: SshPool;
  /** The number of its user, which is that of the one that serves: asked for before there is any haste. */
  #owner = "";

  constructor(
    private readonly connection: Connection,
    private readonly machine: Machine,
    private readonly name: string,
  ) {
    this.ssh = connection.ssh;
    this.#data = `/var/lib/data/${name}`;
    this.#claim = `/service/${name}/initialize`;
  }

  async begin(): Promise<void> {
    const { address } = this.machine;
    this.#owner = (await this.ssh.succeed(this.machine, "sudo docker exec taiga-db id -u postgres")).trim();
    // A database has its own scope's keys and no others.
    await this.connection.etcd.run(({ auth }) =>
      auth.roleGrantPermission({
        name: databaseUser,
        perm: { permType: "Readwrite", ...rangeOf(`/service/${this.name}/`) },
      }),
    );
    await this.ssh.succeed(
      this.machine,
      `sudo mkdir -p ${this.#data} && sudo docker run -d --name ${this.name} --network host --env-file /etc/taiga/machine.env ` +
        `--env-file /run/taiga/db.env --env-file /var/lib/data/pki/database/etcd.env --env PATRONI_SCOPE=${this.name} --env PATRONI_ETCD3_HOST=${address}:2379 ` +
        "--env ADDRESS=127.0.0.9 -v /var/lib/data/pki/database:/pki/database:ro --tmpfs /run/pki:mode=711,size=64k " +
        `-v ${this.#data}:/var/lib/postgresql/data taiga/postgres:1`,
    );
    await this.until("initdb has begun", `sudo test -e ${this.#data}/15/PG_VERSION`);
  }

  kill = (): Promise<string> => this.ssh.succeed(this.machine, `sudo docker kill ${this.name}`);

  startAgain = (): Promise<string> => this.ssh.succeed(this.machine, `sudo docker start ${this.name}`);

  claim = async (): Promise<string> =>
    (await this.ssh.succeed(this.machine, `etcdctl get --print-value-only ${this.#claim}`)).trim();

  /** Waits until it leads; which roles and databases of this project it has then. */
  async made(): Promise<string[]> {
    await this.until(
      "a member that leads",
      `etcdctl get --print-value-only /service/${this.name}/leader | grep .`,
    );
    const names = "select rolname from pg_roles union select datname from pg_database order by 1";
    const text = await this.ssh.succeed(this.machine, psql(names, this.name));
    return text
      .trim()
      .split("\n")
      .filter((each) => !/^(pg_|postgres$|template)/.test(each));
  }

  /** Etcd refuses this machine's databases while something happens. */
  async withoutEtcd(action: () => Promise<void>): Promise<void> {
    const rule = (verb: string) =>
      `sudo iptables ${verb} OUTPUT -p tcp --dport 2379 -m owner --uid-owner ${this.#owner} -j REJECT --reject-with tcp-reset`;
    await this.ssh.succeed(this.machine, rule("-I"));
    try {
      await action();
    } finally {
      await this.ssh.succeed(this.machine, rule("-D"));
    }
  }

  /** Waits for PostgreSQL to run, and then for a word of its member's. */
  async sinceItRuns(pattern: string): Promise<void> {
    await this.until("PostgreSQL runs", psql("select 1", this.name));
    await sleep(3_000);
    await this.until(pattern, `sudo docker logs --since 3s ${this.name} 2>&1 | grep -E '${pattern}'`);
  }

  async end(): Promise<void> {
    await this.ssh.succeed(
      this.machine,
      `sudo docker rm -f ${this.name}; sudo rm -rf ${this.#data}; etcdctl del --prefix /service/${this.name}/`,
    );
    await this.connection.etcd.run(({ auth }) =>
      auth.roleRevokePermission({ role: databaseUser, ...rangeOf(`/service/${this.name}/`) }),
    );
  }

  async until(what: string, command: string): Promise<void> {
    for (const end = Date.now() + 90_000; Date.now() < end; await sleep(100))
      if ((await this.ssh.exec(this.machine, command)).code === 0) return;
    const { stdout, stderr } = await this.ssh.exec(this.machine, `sudo docker logs --tail 20 ${this.name}`);
    throw new Error(`${what}: not within 90 s\n${stdout}${stderr}`);
  }
}
