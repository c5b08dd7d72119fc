import type { Connection } from "../connection";

const prefix = "/coreos.com/network/subnets/";

/** The key of each machine's subnet in etcd, by the machine's address. */
export async function subnets(connection: Connection): Promise<ReadonlyMap<string, string>> {
  const leases = await connection.etcd.run((etcd) => etcd.getAll().prefix(prefix).strings());
  return new Map(
    Object.entries(leases).flatMap(([key, lease]) => {
      const { PublicIP: address } = JSON.parse(lease) as { PublicIP?: string };
      return address === undefined ? [] : [[address, key]];
    }),
  );
}

/** For another machine to be given: as long as it is there, the machines keep it (images/libexec/keep-subnets). */
export async function giveUpSubnet(connection: Connection, address: string): Promise<void> {
  const key = (await subnets(connection)).get(address);
  if (key !== undefined) await connection.etcd.run((etcd) => etcd.delete().key(key));
}
