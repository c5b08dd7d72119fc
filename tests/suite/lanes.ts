import { freemem } from "node:os";
import type { Part } from "./parts";
import { type Count, runPart } from "./run-part";

/** Memory free for two parts at a time: each has up to three machines, of at most 4 GiB together. Bytes. */
const roomForTwo = 12 * 2 ** 30;

/** Runs the parts of a suite: two beside each other, since most wait more than they compute, and by themselves those that want that. */
export class Lanes {
  #stopped = false;

  /** What came of each part, in the order in which they ended. Those that are alone follow after all others. */
  async run(parts: readonly Part[]): Promise<[Part, Count][]> {
    const outcomes: [Part, Count][] = [];
    const width = parts.length > 1 && freemem() >= roomForTwo ? 2 : 1;
    const together = width === 1 ? [] : parts.filter(({ alone }) => !alone);
    const apart = parts.filter((part) => !together.includes(part));
    const lane = async (): Promise<void> => {
      for (let part = together.shift(); part && !this.#stopped; part = together.shift())
        outcomes.push([part, await beside(part)]);
    };
    await Promise.all(Array.from({ length: width }, lane));
    for (const part of apart) {
      if (this.#stopped) break;
      outcomes.push([part, await runPart(part, (text) => process.stdout.write(text), "as it comes")]);
    }
    return outcomes;
  }

  /** Begins no other part. */
  stop(): void {
    this.#stopped = true;
  }
}

/** What several say at a time is printed when each has ended. */
async function beside(part: Part): Promise<Count> {
  console.log(`   ${part.name}: begins`);
  const said: string[] = [];
  const count = await runPart(part, (text) => said.push(text), "at its end");
  process.stdout.write(said.join(""));
  return count;
}
