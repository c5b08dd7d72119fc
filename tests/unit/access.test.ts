import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { usersDigest } from "../../provider/access/access";
import { diff } from "../../provider/access/access-provider";
import { etcdUsers } from "../../provider/access/users";
import { rangeOf } from "../../provider/access/v3";
import { createCredentials } from "../../provider/credentials";

/** What the engine's provider is given for what a machine's replacement has yet to tell. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

describe("who may do what in etcd", () => {
  const old = { users: "1", enrolled: ["a", "b"] };
  const changes = async (news: unknown) => (await diff("access", old, news as typeof old)).changes;

  it("is told again when users or machines are others, or when machines are being replaced", async () => {
    assert.equal(await changes(old), false);
    assert.equal(await changes({ ...old, users: "2" }), true);
    assert.equal(await changes({ ...old, enrolled: ["a", "c"] }), true);
    assert.equal(await changes({ ...old, enrolled: unknown }), true);
    assert.equal(await changes({ ...old, enrolled: ["a", unknown] }), true);
    assert.equal(await changes({ ...old, enrolled: undefined }), true);
  });

  it("ends where the next prefix begins", () => {
    const { key, range_end } = rangeOf("/service/taiga/");
    assert.deepEqual([key.toString(), range_end.toString()], ["/service/taiga/", "/service/taiga0"]);
    assert.deepEqual(rangeOf(""), { key: Buffer.of(0), range_end: Buffer.of(0) });
  });

  it("gives all keys to the machines' root alone, and shows no password in what is kept of it", async () => {
    const credentials = await createCredentials();
    const users = etcdUsers(credentials);
    assert.deepEqual(
      users
        .filter(({ prefixes }) => prefixes.some((prefix) => !prefix.endsWith("/")))
        .map(({ name }) => name),
      ["machine"],
    );
    assert.match(usersDigest(credentials), /^[0-9a-f]{16}$/);
    assert.notEqual(usersDigest(credentials), usersDigest(await createCredentials()));
  });
});
