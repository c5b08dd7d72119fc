import type { Machine, SshPool } from "../../provider/clients/ssh";

/** What etcd answers to a question about fleet's registry, with the credential that fleet has on the machine. */
export async function askRegistry<T>(
  ssh: SshPool,
  machine: Machine,
  path: string,
  options = "",
  input?: string,
): Promise<T> {
  const pki = "/var/lib/data/pki";
  const tls = `--cacert ${pki}/ca.crt --cert ${pki}/fleet.crt --key ${pki}/fleet.key`;
  const url = `https://127.0.0.1:2379/v2/keys/_coreos.com/fleet/${path}`;
  return JSON.parse(await ssh.succeed(machine, `sudo curl -sSf ${tls} '${url}' ${options}`, { input })) as T;
}
