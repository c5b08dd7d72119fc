import type * as dynamic from "@pulumi/pulumi/dynamic";
import { configured } from "../configured";
import { waitUntil } from "../progress";
import { etcdUsers } from "./users";
import { closeRegistry, registryIsClosed } from "./v2";
import { authorize, isEnabled } from "./v3";

export interface AccessInputs {
  /** Changes with the users and their rights. */
  readonly users: string;
  /** When each machine was brought in: a cluster that was made anew knows no users. */
  readonly enrolled: readonly string[];
}

const { configure, connected } = configured("etcd.Access");

export { configure };

export async function diff(_id: string, old: AccessInputs, news: AccessInputs): Promise<dynamic.DiffResult> {
  // A preview may not know the list yet.
  const same = old.users === news.users && String(old.enrolled) === String(news.enrolled);
  return { changes: !same, replaces: [] };
}

/** Each step finds what one that was cut off has done, by an election say, and goes on from there. */
export async function create(inputs: AccessInputs): Promise<dynamic.CreateResult<AccessInputs>> {
  const { etcd, credentials } = connected();
  await waitUntil(
    {
      what: "etcd: its users",
      timeoutSeconds: 180,
      lookAt: "npm run ssh -- MACHINE, then systemctl status etcd",
      everySeconds: 2,
    },
    async () => {
      await closeRegistry(etcd);
      await etcd.run((client) => authorize(client, etcdUsers(credentials)));
      return undefined;
    },
  );
  return { id: "access", outs: inputs };
}

export async function update(
  _id: string,
  _old: AccessInputs,
  news: AccessInputs,
): Promise<dynamic.UpdateResult<AccessInputs>> {
  await create(news);
  return { outs: news };
}

/** Where etcd asks nobody who he is, there is no access to speak of. While none answers, nothing is said. */
export async function read(
  id: string,
  props?: AccessInputs,
): Promise<dynamic.ReadResult<Partial<AccessInputs>>> {
  if (!props) return {};
  const { etcd } = connected();
  const open = await Promise.all([etcd.run(isEnabled), registryIsClosed(etcd)]).then(
    (closed) => closed.includes(false),
    () => false,
  );
  return open ? {} : { id, props };
}

async function remove(): Promise<void> {}

export { remove as delete };
