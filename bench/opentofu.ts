import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Benchmark, inTurn, type Options, type Result, ratio } from "./benchmark";
import { Program } from "./program";
import { Tofu } from "./tofu";
import { VirtualMachines } from "./virtual-machines";

/** What Pulumi is told, and what does the same: Pulumi looks at what there is only when it is told to. */
const phases = {
  up: "tofu apply",
  preview: "tofu plan -refresh=false",
  "preview --refresh": "tofu plan",
  destroy: "tofu destroy -refresh=false",
} as const;
type Phase = keyof typeof phases;

/** The components' own network, pool, volumes and domains, against OpenTofu with the provider that the plugin wraps. */
export const opentofu: Benchmark = {
  name: "opentofu",
  says: "libvirt's resources of three virtual machines, not booted, against OpenTofu with the same provider",
  run: async (options) => {
    const folder = mkdtempSync(join(tmpdir(), "taiga-bench-opentofu-"));
    try {
      return await measure(options, folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(options: Options, folder: string): Promise<Result[]> {
  const machines = new VirtualMachines(options);
  const pulumi = await Program.make(join(folder, "pulumi"), {
    language: "typescript",
    text: machines.program(),
  });
  const tofu = await Tofu.make(join(folder, "tofu"), {
    file: join(__dirname, "machines.tf"),
    variables: machines.variables(),
    say: options.say,
  });
  const subjects: Record<"pulumi" | "tofu", Record<Phase, () => Promise<number>>> = {
    pulumi: {
      up: () => pulumi.up(),
      preview: () => pulumi.preview(),
      "preview --refresh": () => pulumi.pulumi(["preview", "--refresh", "--expect-no-changes"]),
      destroy: () => pulumi.destroy(),
    },
    tofu: {
      up: () => tofu.apply(),
      preview: () => tofu.plan("-refresh=false"),
      "preview --refresh": () => tofu.plan(),
      destroy: () => tofu.destroy(),
    },
  };
  const took = Object.fromEntries(
    Object.keys(phases).map((phase) => [phase, { pulumi: [], tofu: [] }]),
  ) as unknown as Record<Phase, Record<keyof typeof subjects, number[]>>;
  const made: Partial<Record<keyof typeof subjects, string>> = {};
  const throughAll = (subject: keyof typeof subjects) => async () => {
    const begun = performance.now();
    try {
      for (const phase of Object.keys(phases) as Phase[]) {
        if (phase === "destroy") made[subject] = machines.domains();
        const seconds = await subjects[subject][phase]();
        took[phase][subject].push(seconds);
        options.say(`${subject}: ${phase} ${seconds.toFixed(2)} s`);
      }
    } catch (error) {
      await subjects[subject].destroy().catch((problem: Error) => console.error(problem.message));
      throw error;
    }
    return (performance.now() - begun) / 1000;
  };
  await tofu.apply(); // warms caches
  await tofu.destroy();
  await inTurn(options.rounds ?? 3, options.say, {
    pulumi: throughAll("pulumi"),
    tofu: throughAll("tofu"),
  });
  if (made.pulumi !== made.tofu)
    throw new Error(`they made different machines:\n${made.pulumi}\n\n${made.tofu}`);
  return Object.entries(phases).map(([phase, against]) => ({
    name: `pulumi ${phase}, libvirt's resources of three ${machines.kind} machines`,
    value: ratio(took[phase as Phase].pulumi, took[phase as Phase].tofu),
    unit: "ratio",
    against,
  }));
}
