import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { before, describe, it } from "node:test";
import { etcdUsers, root } from "../../provider/access/users";
import { certificateFiles, newCertificates, usableUntil } from "../../provider/cluster/certificate";
import type { File } from "../../provider/cluster/files";
import { type Credentials, createCredentials } from "../../provider/credentials";

const pki = "/var/lib/data/pki";
const machine = { name: "m-1", address: "10.0.0.1" };
const day = 24 * 3600 * 1000;

describe("a machine's certificates", () => {
  let credentials: Credentials;
  let files: Record<string, File>;
  let notAfter: Date;
  const found = () => Object.fromEntries(certificateFiles.map((file) => [file, files[file]?.content]));
  const read = (file: string) => new X509Certificate(files[file]?.content ?? "");

  before(async () => {
    credentials = await createCredentials();
    ({ files, notAfter } = await newCertificates(credentials, machine));
  });

  it("are of the stack's CA, each with its own key, which root alone may read", () => {
    const ca = new X509Certificate(credentials.caCertificate);
    for (const file of certificateFiles) assert.ok(read(file).verify(ca.publicKey), file);
    const keys = Object.entries(files).filter(([, { content }]) => content.includes("PRIVATE KEY"));
    assert.equal(new Set(keys.map(([, { content }]) => content)).size, certificateFiles.length);
    for (const [file, { mode }] of [
      ...keys,
      ["etcd.env", files[`${pki}/database/etcd.env`] as File] as const,
    ])
      assert.equal(mode, "0600", file);
  });

  it("give containers none that is a user's or a member's", () => {
    const users = [root, ...etcdUsers(credentials).map(({ name }) => name)];
    const held = certificateFiles.filter((file) => file.slice(pki.length + 1).includes("/"));
    assert.equal(held.length, 3);
    for (const file of held) {
      const { subject = "", keyUsage } = read(file);
      assert.ok(!users.includes(/CN=(.*)/.exec(subject)?.[1] ?? ""), `${file}: ${subject}`);
      const isServer = file.endsWith("server.crt");
      assert.deepEqual(keyUsage, [isServer ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2"], file);
      assert.equal(read(file).checkHost("localhost"), undefined, file);
    }
    assert.doesNotMatch(read(`${pki}/database/client.crt`).subject ?? "", /CN=/);
    assert.ok(!users.includes(machine.name), "etcd's own");
    assert.equal(read(`${pki}/node.crt`).checkHost("localhost"), "localhost");
  });

  it("may stay until the first of them ends", async () => {
    const until = await usableUntil(credentials, machine, found());
    assert.ok(
      Math.abs((until?.getTime() ?? 0) - notAfter.getTime()) < 1000,
      "a certificate's times are whole seconds",
    );
    const days = (notAfter.getTime() - Date.now()) / day;
    assert.ok(days > 364 && days <= 365, `${days} days`);
  });

  it("are made anew, all of them, when one is missing, of another address or another CA, or soon ends", async () => {
    const usable = (change: Record<string, string | undefined>) =>
      usableUntil(credentials, machine, { ...found(), ...change });
    const other = (await newCertificates(await createCredentials(), machine)).files;
    for (const file of certificateFiles) {
      assert.equal(await usable({ [file]: undefined }), undefined, file);
      assert.equal(await usable({ [file]: other[file]?.content }), undefined, file);
    }
    const elsewhere = (await newCertificates(credentials, { ...machine, address: "10.0.0.2" })).files;
    for (const file of [`${pki}/node.crt`, `${pki}/registry/server.crt`])
      assert.equal(await usable({ [file]: elsewhere[file]?.content }), undefined, file);
  });

  it("are made anew in their last 30 days", async (context) => {
    context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 336 * day });
    assert.equal(await usableUntil(credentials, machine, found()), undefined);
    context.mock.timers.setTime(Date.now() - 2 * day);
    assert.ok(await usableUntil(credentials, machine, found()));
  });
});
