import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { load } from "js-yaml";
import { exportLines, findBackend, pulumiEnvironment, stateDir } from "../../deploy/environment";
import { withSecrets } from "../../deploy/saved-secrets";

const home = mkdtempSync(join(tmpdir(), "taiga-test-home-"));
after(() => rmSync(home, { recursive: true }));

describe("the environment of pulumi", () => {
  it("is a local backend with a passphrase file where nobody is logged in", () => {
    const backend = findBackend({}, home);
    assert.equal(backend.kind, "local");
    const env = pulumiEnvironment("/engine/bin", backend, { PATH: "/usr/bin", PULUMI_HOME: home });
    assert.equal(env.PULUMI_BACKEND_URL, `file://${stateDir}/pulumi`);
    assert.equal(env.PULUMI_CONFIG_PASSPHRASE_FILE, join(stateDir, "passphrase"));
    assert.match(env.PATH as string, /^\/engine\/bin:(.*:)?\/usr\/bin(:|$)/);
  });

  it("is what the shell has when that evaluated --print-env before", () => {
    const first = pulumiEnvironment("/engine/bin", findBackend({}, home), { PATH: "/usr/bin" });
    const again = pulumiEnvironment("/engine/bin", findBackend(first, home), first);
    assert.equal(again.PATH, first.PATH);
    assert.equal(again.PULUMI_BACKEND_URL, first.PULUMI_BACKEND_URL);
  });

  it("respects PULUMI_BACKEND_URL, an access token and a login", () => {
    assert.equal(findBackend({ PULUMI_BACKEND_URL: "s3://bucket" }, home).kind, "login");
    assert.equal(findBackend({ PULUMI_ACCESS_TOKEN: "x" }, home).kind, "login");
    writeFileSync(join(home, "credentials.json"), '{"current":"https://api.pulumi.com"}');
    const backend = findBackend({}, home);
    assert.equal(backend.kind, "login");
    assert.equal(pulumiEnvironment("", backend, { PATH: "" }).PULUMI_BACKEND_URL, undefined);
  });

  it("leaves a passphrase the user gave", () => {
    const given = { PULUMI_BACKEND_URL: "file:///elsewhere", PULUMI_CONFIG_PASSPHRASE: "" };
    const env = pulumiEnvironment("", findBackend(given, home), given);
    assert.equal(env.PULUMI_CONFIG_PASSPHRASE_FILE, undefined);
  });

  it("is a passphrase file for a login that encrypts with one, by whatever way it was made", () => {
    writeFileSync(join(home, "credentials.json"), '{"current":"file://~"}');
    const backend = findBackend({}, home);
    assert.equal(backend.kind, "login");
    const passphrase = (env: NodeJS.ProcessEnv) =>
      pulumiEnvironment("", findBackend(env, home), env).PULUMI_CONFIG_PASSPHRASE_FILE;
    assert.equal(passphrase({}), join(stateDir, "passphrase"));
    assert.equal(passphrase({ PULUMI_BACKEND_URL: "s3://bucket" }), join(stateDir, "passphrase"));
    assert.equal(passphrase({ PULUMI_BACKEND_URL: "https://api.pulumi.com" }), undefined);
  });

  it("lets more wait side by side than the engine would, unless the user says how many", () => {
    const backend = findBackend({}, home);
    assert.equal(pulumiEnvironment("", backend, {}).PULUMI_PARALLEL, "32");
    assert.equal(pulumiEnvironment("", backend, { PULUMI_PARALLEL: "4" }).PULUMI_PARALLEL, "4");
  });

  it("survives a shell's eval whatever the values hold", () => {
    const value = `a'b "c" $HOME \`id\``;
    const script = `${exportLines({ TRICKY: value })}\nprintf %s "$TRICKY"`;
    assert.equal(execFileSync("sh", ["-c", script], { encoding: "utf8" }), value);
  });
});

describe("salt and credentials in a stack file", () => {
  const saved = (encryptionsalt = "s", secure = "c") => ({ encryptionsalt, credentials: { secure } });
  const committed = "# comment\nconfig:\n  taiga:network: 10.77.0.0/24 # kept\n";

  it("come back as they were, and git's filter takes them out again", () => {
    const full = withSecrets(committed, saved("v1:abc=:v1:def", "v1:secret=="));
    assert.match(full, /^encryptionsalt: v1:abc=:v1:def$/m);
    assert.match(full, /^ {2}taiga:credentials:\n {4}secure: v1:secret==$/m);
    const filter = resolve(__dirname, "../../deploy/stack-file-filter.cjs");
    assert.equal(execFileSync(process.execPath, [filter], { input: full, encoding: "utf8" }), committed);
  });

  it("come back with the stack's place on this host, which a checkout took too", () => {
    const place = { prefix: "taiga-dev-b", network: "10.78.0.0/24" };
    const full = withSecrets("config:\n  taiga:machines:\n    count: 3\n", { ...saved(), ...place });
    assert.match(full, /^ {2}taiga:prefix: taiga-dev-b\n {2}taiga:network: 10\.78\.0\.0\/24\n/m);
    assert.equal(
      withSecrets(committed, { ...saved(), ...place }),
      withSecrets("# comment\nconfig:\n", { ...saved(), ...place }),
      "the network that another has had first",
    );
    const own = `${committed}  taiga:prefix: mine\n`;
    assert.doesNotMatch(withSecrets(own, { ...saved(), ...place }), /10\.78/, "what it says itself stands");
  });

  it("come back to a file that is empty or has no config", () => {
    assert.match(withSecrets("", saved()), /^encryptionsalt: s\nconfig:\n {2}taiga:credentials:\n/);
    assert.match(
      withSecrets("config: {}\n", saved()),
      /^encryptionsalt: s\nconfig:\n {2}taiga:credentials:\n/,
    );
  });

  it("come back to a file that Pulumi gave another salt since, unless something was encrypted with that", () => {
    const fresh = `encryptionsalt: other\n${committed}`;
    assert.equal(withSecrets(fresh, saved()), withSecrets(committed, saved()));
    assert.equal(withSecrets(`encryptionsalt: s\n${committed}`, saved()), withSecrets(committed, saved()));
    const own = `${committed}  taiga:email:\n    secure: of the other\n`;
    assert.throws(() => withSecrets(`encryptionsalt: other\n${own}`, saved()), /lost its salt/);
    assert.match(withSecrets(`encryptionsalt: s\n${own}`, saved()), /secure: of the other/);
  });

  it("come back instead of credentials that lost their salt", () => {
    const half = withSecrets(committed, saved("s", "older")).replace(/^encryptionsalt.*\n/, "");
    assert.equal(withSecrets(half, saved()), withSecrets(committed, saved()));
  });

  it("come back with a network that was the user's own, where the file has none", () => {
    const network = { network: "10.78.0.0/24" };
    assert.match(
      withSecrets("config: {}\n", { ...saved(), ...network }),
      /^ {2}taiga:network: 10\.78\.0\.0\/24$/m,
    );
    assert.doesNotMatch(withSecrets(committed, { ...saved(), ...network }), /10\.78/);
  });

  for (const [what, text] of [
    ["another indentation", "config:\n    taiga:machines:\n        count: 3\n"],
    ["a comment after config", "config: # ours\n  taiga:machines:\n    count: 3\n"],
    ["everything on one line", "config: { 'taiga:machines': { count: 3 } }\n"],
    [
      "no salt, and credentials in another form",
      'config: {"taiga:credentials": {"secure": "x"}, "taiga:machines": {"count": 3}}\n',
    ],
  ] as const) {
    it(`come back to a file with ${what}, which says all else that it said`, () => {
      assert.deepEqual(load(withSecrets(text, saved())), {
        encryptionsalt: "s",
        config: { "taiga:machines": { count: 3 }, "taiga:credentials": { secure: "c" } },
      });
    });
  }
});
