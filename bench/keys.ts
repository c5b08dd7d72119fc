import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../deploy/environment";
import { payload } from "../images/artifacts";
import { mintCertificate } from "../provider/credentials";
import { TestEtcd } from "../tests/support/etcd";
import { type Benchmark, inTurn, type Options, type Result, ratio } from "./benchmark";
import { ProviderMemory } from "./memory";
import { Program } from "./program";

const full = 1000;
const phases = ["created", "unchanged", "changed", "destroyed"] as const;
type Phase = (typeof phases)[number];

/** As long as an address of a database with its options; changes with the revision. */
const value = "postgresql://taiga@10.77.0.11:5432/taiga?application_name=";

/** etcd.Key as a user writes it, against an ordinary inline provider that does nothing, and against a loop of etcdctl. */
export const keys: Benchmark = {
  name: "keys",
  says: "1,000 etcd.Key created, unchanged, changed and destroyed; their state; the provider's memory",
  run: async (options) => {
    const count = Math.round(full * options.scale);
    const folder = mkdtempSync(join(tmpdir(), "taiga-bench-keys-"));
    const etcd = await TestEtcd.start(95);
    try {
      return await measure(options, count, folder, etcd);
    } finally {
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(options: Options, count: number, folder: string, etcd: TestEtcd): Promise<Result[]> {
  const ours = await Program.make(join(folder, "ours"), { language: "typescript", text: keyProgram(count) });
  await ours.secret("taiga:credentials", etcd.config.get("taiga:credentials") as string);
  await ours.config("taiga:endpoints", etcd.config.get("taiga:endpoints") as string);
  const inline = await Program.make(join(folder, "inline"), {
    language: "javascript",
    text: inlineProgram(count),
  });
  const loop = await Loop.make(join(folder, "loop"), etcd, count);

  const memory: { ours: number[]; inline: number[] } = { ours: [], inline: [] };
  const watched = async (name: keyof typeof memory, program: Program, action: () => Promise<number>) => {
    const watch = new ProviderMemory(program);
    try {
      return await action();
    } finally {
      memory[name].push(watch.end());
    }
  };
  let bytes = 0;
  const took = Object.fromEntries(
    phases.map((phase) => [phase, { ours: [], inline: [], loop: [] }]),
  ) as unknown as Record<Phase, Record<"ours" | "inline" | "loop", number[]>>;
  const rounds = options.rounds ?? 1;
  for (let round = 0; round < rounds; round += 1) {
    const empty = ours.stateBytes();
    for (const phase of phases) {
      const step = (program: Program): Promise<number> => {
        if (phase === "destroyed") return program.destroy();
        const env = { REVISION: phase === "changed" ? "2" : "1" };
        return phase === "unchanged" ? program.unchanged(env) : program.up(env);
      };
      const seconds = await inTurn(1, (line) => options.say(`${phase}, ${line}`), {
        ours: () => watched("ours", ours, () => step(ours)),
        inline: () => watched("inline", inline, () => step(inline)),
        loop: () => loop.run(phase),
      });
      if (phase === "unchanged")
        bytes = (ours.stateBytes() - empty) / count - Buffer.byteLength(`${value}1-${count / 2}`);
      for (const name of ["ours", "inline", "loop"] as const)
        took[phase][name].push(seconds[name][0] as number);
    }
  }

  const number = count.toLocaleString("en");
  const sum = (name: "ours" | "inline") =>
    took.created[name].map((created, round) => created + (took.destroyed[name][round] as number));
  const against = `${number} inline dynamic resources that do nothing`;
  return [
    {
      name: `${number} keys created and destroyed`,
      value: ratio(sum("ours"), sum("inline")),
      unit: "ratio",
      goal: 0.7,
      against,
    },
    ...phases.map(
      (phase): Result => ({
        name: `${number} keys ${phase}`,
        value: ratio(took[phase].ours, took[phase].inline),
        unit: "ratio",
        against,
      }),
    ),
    ...phases.map(
      (phase): Result => ({
        name: `${number} keys ${phase}`,
        value: ratio(took[phase].ours, took[phase].loop),
        unit: "ratio",
        against: "a loop of etcdctl",
      }),
    ),
    { name: "state of a key, beside its value", value: bytes, unit: "bytes", goal: 1500 },
    {
      name: `memory of the provider's process at ${number} keys`,
      value: Math.max(...memory.ours),
      unit: "MiB",
    },
    {
      name: `memory of the provider's process at ${number} keys`,
      value: Math.max(...memory.ours) / Math.max(...memory.inline),
      unit: "ratio",
      against: "the inline provider's",
    },
  ];
}

const keyProgram = (count: number) => `import { etcd } from ${JSON.stringify(join(root, "provider"))};
for (let i = 0; i < ${count}; i += 1)
  new etcd.Key("key-" + i, { key: "/bench/" + i, value: ${JSON.stringify(value)} + process.env.REVISION + "-" + i });
`;

const inlineProgram = (count: number) => `const pulumi = require("@pulumi/pulumi");
const nothing = {
  async check(olds, news) { return { inputs: news }; },
  async diff(id, olds, news) { return { changes: olds.key !== news.key || olds.value !== news.value }; },
  async create(inputs) { return { id: inputs.key, outs: inputs }; },
  async read(id, props) { return { id, props }; },
  async update(id, olds, news) { return { outs: news }; },
  async delete(id, props) {},
};
class Nothing extends pulumi.dynamic.Resource {
  constructor(name, args, options) { super(nothing, name, args, options); }
}
for (let i = 0; i < ${count}; i += 1)
  new Nothing("key-" + i, { key: "/bench/" + i, value: ${JSON.stringify(value)} + process.env.REVISION + "-" + i });
`;

/** What one would type: a call of etcdctl for each key. */
class Loop {
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
