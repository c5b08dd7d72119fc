import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { payload } from "../images/artifacts";
import { mintCertificate } from "../provider/credentials";
import type { TestEtcd } from "../tests/support/etcd";
import { type Phase, value } from "./key-phases";

/** What one would type: a call of etcdctl for each key. */
export class Loop {
  private constructor(
    private readonly folder: string,
    private readonly url: string,
    private readonly count: number,
  ) {}

  static async make(folder: string, etcd: TestEtcd, count: number): Promise<Loop> {
    const { certificate, key } = await mintCertificate(etcd.credentials, { commonName: "loop", days: 1 });
    mkdirSync(folder, { mode: 0o700 });
    const files = { ca: etcd.credentials.caCertificate, crt: certificate, key };
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    return new Loop(folder, etcd.url, count);
  }

  async run(phase: Phase): Promise<number> {
    const text = (revision: number) => `"${value}${revision}-$i"`;
    const call = {
      created: `put "/loop/$i" ${text(1)}`,
      unchanged: 'get "/loop/$i"',
      changed: `put "/loop/$i" ${text(2)}`,
      destroyed: 'del "/loop/$i"',
    }[phase];
    const script = `set -e; for ((i = 0; i < ${this.count}; i += 1)); do etcdctl ${call} >/dev/null; done`;
    const begun = performance.now();
    const child = spawn("bash", ["-c", script], {
      cwd: this.folder,
      env: {
        PATH: `${join(payload().tree, "bin")}:${process.env.PATH}`,
        ETCDCTL_ENDPOINTS: this.url,
        ETCDCTL_CACERT: "ca",
        ETCDCTL_CERT: "crt",
        ETCDCTL_KEY: "key",
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const code = await new Promise((done, fail) => child.once("error", fail).once("exit", done));
    if (code !== 0) throw new Error(`the loop of etcdctl ended with ${code}`);
    return (performance.now() - begun) / 1000;
  }
}
