import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { load } from "js-yaml";
import { databaseDefaults } from "../../components/database-settings";
import { productionFindings } from "../../components/production";
import { defaults, type RawSettings, readSettings, unknownFields } from "../../components/settings";

const root = join(__dirname, "../..");
const yaml = (file: string) => load(readFileSync(join(root, file), "utf8"));

interface Declared {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly value?: unknown;
}
const { config } = yaml("Pulumi.yaml") as { config: Record<string, Declared> };
const own = Object.entries(config).filter(([key]) => key.startsWith("taiga:"));

/** A stack's configuration as the program reads it: what its file says, its booleans as text, over the project's defaults. */
function configurationOf(file: string): Record<string, unknown> {
  const stack = (yaml(file) as { config: Record<string, unknown> }).config;
  return { ...Object.fromEntries(own.map(([key, { default: value }]) => [key, value])), ...stack };
}

const booleans: Readonly<Record<string, boolean>> = { true: true, false: false };

function read(file: string) {
  const given = Object.fromEntries(
    Object.entries(configurationOf(file))
      .filter(([key, value]) => key.startsWith("taiga:") && value !== "")
      .map(([key, value]) => [key.slice("taiga:".length), booleans[value as string] ?? value]),
  );
  const stack = /^Pulumi\.(.*)\.yaml$/.exec(file)?.[1];
  return {
    ...readSettings({ prefix: `taiga-${stack}`, ...given } as RawSettings),
    protectData: given.protectData === true,
  };
}

describe("the project's schema", () => {
  it("declares only what is read, each key with a description and a default, as the engine wants them", () => {
    assert.deepEqual(unknownFields(own.map(([key]) => key)), []);
    for (const [key, declared] of own) {
      assert.ok((declared.description ?? "").length > 20, `${key} has no description`);
      assert.notEqual(
        declared.default,
        undefined,
        `${key} has no default, so every stack would have to set it`,
      );
      if (declared.type) assert.equal(typeof declared.default, declared.type, key);
    }
  });

  it("has the defaults the program has", () => {
    assert.deepEqual(config["taiga:machines"]?.default, { ...defaults.machines });
    assert.deepEqual(config["taiga:database"]?.default, { ...databaseDefaults });
    assert.equal(config["taiga:network"]?.default, defaults.network);
    assert.equal(config["taiga:containers"]?.default, defaults.containers);
    assert.equal(config["libvirt:uri"]?.value, defaults.libvirt);
    const declared = read("Pulumi.dev.yaml").settings;
    assert.deepEqual(declared, readSettings({ prefix: "taiga-dev" }).settings);
  });

  it("leaves no setting out but what tests use", () => {
    const [{ message } = { message: "" }] = unknownFields(["taiga:?"]);
    const known = (/write one of (.*)$/.exec(message)?.[1] ?? "").split(", ");
    const declared = own.map(([key]) => key.slice("taiga:".length));
    assert.deepEqual(known.filter((key) => !declared.includes(key)).sort(), ["endpoints"]);
  });
});

describe("the stacks' files", () => {
  for (const file of readdirSync(root).filter((name) => /^Pulumi\.[a-z]+\.yaml$/.test(name))) {
    it(`${file} has no problem`, () => {
      const { settings, problems, warnings, protectData } = read(file);
      assert.deepEqual([problems, warnings], [[], []]);
      assert.deepEqual(productionFindings(settings, protectData).problems, []);
    });
  }

  it("of production are five machines over three hypervisors, any of which may go", () => {
    const { settings } = read("Pulumi.prod.yaml");
    assert.equal(settings.production, true);
    assert.deepEqual(
      productionFindings(settings, true)
        .warnings.map(({ field }) => field)
        .filter((field) => field === "taiga:hypervisors"),
      [],
    );
    assert.match(
      settings.application.images?.back.text ?? "",
      /^docker:\/\/docker\.io\/taigaio\/taiga-back:/,
    );
    assert.equal(settings.pools.flatMap(({ numbers }) => numbers).length, 5);
  });

  it("name networks that do not meet, so that all can stand on one host", () => {
    const all = ["dev", "staging", "prod"].map((stack) => read(`Pulumi.${stack}.yaml`).settings);
    for (const key of ["network", "containers", "prefix", "pool"] as const)
      assert.equal(new Set(all.map((settings) => settings[key])).size, 3, key);
  });
});
