import { join } from "node:path";
import { Program } from "./program";

/** Brings up a precompiled program to compare with. */
export type MakePeer = (name: string, text: string) => Promise<Program>;

/** Gives an action programs to compare with, each in a folder of its own, and destroys them when it has ended. */
export async function withPeers<T>(folder: string, action: (peer: MakePeer) => Promise<T>): Promise<T> {
  const peers: Program[] = [];
  try {
    return await action(async (name, text) => {
      const program = await Program.make(join(folder, name), { language: "javascript", text });
      peers.push(program);
      await program.up();
      return program;
    });
  } finally {
    for (const program of peers)
      await program.destroy().catch((error: Error) => console.error(error.message));
  }
}
