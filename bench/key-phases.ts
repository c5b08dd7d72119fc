import { join } from "node:path";
import { root } from "../deploy/environment";
import type { TestEtcd } from "../tests/support/etcd";
import { Program } from "./program";

/** What happens to many keys, in this order. */
export const phases = ["created", "unchanged", "changed", "destroyed"] as const;
export type Phase = (typeof phases)[number];

/** As long as an address of a database with its options; the revision and the key's number follow. */
export const value = "postgresql://taiga@10.77.0.11:5432/taiga?application_name=";

/** The text of a program of as many etcd.Key, as a user writes it. */
export const keyProgram = (
  count: number,
): string => `import { etcd } from ${JSON.stringify(join(root, "provider"))};
for (let i = 0; i < ${count}; i += 1)
  new etcd.Key("key-" + i, { key: "/bench/" + i, value: ${JSON.stringify(value)} + process.env.REVISION + "-" + i });
`;

/** A TypeScript program that has the etcd for its cluster. */
export async function programOn(etcd: TestEtcd, folder: string, text: string): Promise<Program> {
  const program = await Program.make(folder, { language: "typescript", text });
  await program.secret("taiga:credentials", etcd.config.get("taiga:credentials") as string);
  await program.config("taiga:endpoints", etcd.config.get("taiga:endpoints") as string);
  return program;
}

/** One phase of a program whose values follow REVISION. @returns the seconds it took. */
export function step(program: Program, phase: Phase): Promise<number> {
  if (phase === "destroyed") return program.destroy();
  const env = { REVISION: phase === "changed" ? "2" : "1" };
  return phase === "unchanged" ? program.unchanged(env) : program.up(env);
}
