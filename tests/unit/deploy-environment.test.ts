import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { exportLines, findBackend, pulumiEnvironment, stateDir } from "../../deploy/environment";
import { withSecrets } from "../../deploy/stack";

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
  const committed = "# comment\nconfig:\n  taiga:network: 10.77.0.0/24 # kept\n";

  it("come back as they were, and git's filter takes them out again", () => {
    const full = withSecrets(committed, "v1:abc=:v1:def", "v1:secret==");
    assert.match(full, /^encryptionsalt: v1:abc=:v1:def$/m);
    assert.match(full, /^ {2}taiga:credentials:\n {4}secure: v1:secret==$/m);
    const filter = resolve(__dirname, "../../deploy/stack-file-filter.cjs");
    assert.equal(execFileSync(process.execPath, [filter], { input: full, encoding: "utf8" }), committed);
  });

  it("come back with the stack's place on this host, which a checkout took too", () => {
    const place = { prefix: "taiga-dev-b", network: "10.78.0.0/24" };
    const full = withSecrets("config:\n  taiga:machines:\n    count: 3\n", "s", "c", place);
    assert.match(full, /^ {2}taiga:prefix: taiga-dev-b\n {2}taiga:network: 10\.78\.0\.0\/24\n/m);
    assert.doesNotMatch(
      withSecrets(committed, "s", "c", place),
      /10\.78/,
      "what the file says itself stands",
    );
  });

  it("come back to a file that is empty or has no config", () => {
    assert.match(withSecrets("", "s", "c"), /^encryptionsalt: s\nconfig:\n {2}taiga:credentials:\n/);
    assert.match(
      withSecrets("config: {}\n", "s", "c"),
      /^encryptionsalt: s\nconfig:\n {2}taiga:credentials:\n/,
    );
  });
});
