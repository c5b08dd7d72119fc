import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const source = resolve(__dirname, "../../images/libexec");
/** Where the scripts expect things on a machine; here below a folder of their own. */
const places = ["/etc/taiga", "/run/", "/opt/taiga/libexec", "/var/lib/docker", "/var/lib/data"];

/** The machines' scripts in a folder that stands for a machine, with stand-ins for the programs that reach beyond it. */
export class Libexec {
  readonly root = mkdtempSync(join(tmpdir(), "taiga-libexec-"));

  constructor(replace: Readonly<Record<string, string>> = {}) {
    for (const name of readdirSync(source)) {
      let text = readFileSync(join(source, name), "utf8");
      for (const place of places) text = text.replaceAll(place, join(this.root, place));
      for (const [from, to] of Object.entries(replace)) text = text.replaceAll(from, to);
      this.write(`/opt/taiga/libexec/${name}`, text);
    }
    this.write("/etc/taiga/machine.env", "MACHINE=m-1\nADDRESS=10.9.0.11\n");
    this.write("/run/flannel/subnet.env", "FLANNEL_NETWORK=10.8.0.0/16\nFLANNEL_SUBNET=10.8.7.1/24\n");
    this.write("/calls", "");
  }

  write(path: string, text: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  /** A stand-in for a program: lines of bash, in which $ROOT is the machine's folder. Its calls are noted. */
  program(name: string, body: string): void {
    this.write(`/bin/${name}`, `#!/bin/bash\necho "${name} $*" >>"$ROOT/calls"\n${body}\n`);
  }

  /** What the stand-ins were called with, in order. */
  calls(name = ""): string[] {
    return this.read("/calls")
      .split("\n")
      .filter((line) => line !== "" && line.startsWith(name));
  }

  run(script: string, ...args: string[]): { code: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(join(this.root, "opt/taiga/libexec", script), args, {
      encoding: "utf8",
      env: { PATH: `${join(this.root, "bin")}:${process.env.PATH}`, ROOT: this.root, LC_ALL: "C" },
      timeout: 30_000,
    });
    return { code: status, stdout, stderr };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
