import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached, contentKey } from "../deploy/cache";
import { goBuild } from "../deploy/go";

/** OpenTofu and the libvirt provider that Pulumi's plugin is made from, built from Go modules that pin them. */
const programs = [
  { name: "tofu", module: "opentofu", package: "github.com/opentofu/opentofu/cmd/tofu" },
  {
    name: "terraform-provider-libvirt",
    module: "libvirt",
    package: "github.com/dmacvicar/terraform-provider-libvirt",
  },
] as const;

/** A configuration in a folder of its own, with its state beside it. */
export class Tofu {
  private constructor(
    readonly folder: string,
    private readonly tofu: string,
  ) {}

  /** @param file the configuration; `variables` are its variables' values. */
  static async make(
    folder: string,
    { file, variables, say }: { file: string; variables: object; say: (line: string) => void },
  ): Promise<Tofu> {
    const [tofu = "", provider = ""] = await Promise.all(programs.map((program) => build(program, say)));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    copyFileSync(file, join(folder, "main.tf"));
    writeFileSync(join(folder, "terraform.tfvars.json"), JSON.stringify(variables));
    const overrides = `dev_overrides {\n "dmacvicar/libvirt" = ${JSON.stringify(provider)}\n }`;
    writeFileSync(join(folder, "tofurc"), `provider_installation {\n ${overrides}\n direct {}\n}\n`);
    return new Tofu(folder, join(tofu, "tofu"));
  }

  apply = (): Promise<number> => this.run("apply", "-auto-approve");
  /** Fails where something would change. */
  plan = (...args: string[]): Promise<number> => this.run("plan", "-detailed-exitcode", ...args);
  /** Without looking at what it destroys, as Pulumi does it. */
  destroy = (): Promise<number> => this.run("destroy", "-auto-approve", "-refresh=false");

  /** @returns the seconds it took. */
  private async run(...args: string[]): Promise<number> {
    const begun = performance.now();
    const child = spawn(this.tofu, [...args, "-no-color", "-input=false"], {
      cwd: this.folder,
      env: { ...process.env, TF_CLI_CONFIG_FILE: join(this.folder, "tofurc"), CHECKPOINT_DISABLE: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    const code = await new Promise<number | null>((done, fail) => {
      child.once("error", fail).once("close", done);
    });
    if (code !== 0) throw new Error(`tofu ${args.join(" ")} ended with ${code}\n${output.slice(-4000)}`);
    return (performance.now() - begun) / 1000;
  }
}

/** @returns the folder that has the program. */
function build(
  { name, module, package: main }: (typeof programs)[number],
  say: (line: string) => void,
): Promise<string> {
  const moduleDir = join(__dirname, "go", module);
  return cached("bench", contentKey({ files: [moduleDir], values: main }), async (work) => {
    say(`building ${name}, once${name === "tofu" ? " (4-5 minutes on two cores)" : ""}`);
    await goBuild({ moduleDir, package: main, out: join(work, name), log: `${work}.log` });
  });
}
