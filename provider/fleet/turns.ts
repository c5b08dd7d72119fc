/**
 * One after another under each name: a turn begins when the one before has ended well. After one that failed, none of that
 * name begins any more.
 */
export class Turns {
  readonly #last = new Map<string, { who: string; turn: Promise<void> }>();

  async take(name: string, who: string, action: () => Promise<void>): Promise<void> {
    const before = this.#last.get(name);
    const turn = (before?.turn ?? Promise.resolve()).then(action, (error) => {
      throw error instanceof Stopped
        ? error
        : new Stopped(`it was left as it is, since ${before?.who} failed`);
    });
    this.#last.set(name, { who, turn });
    await turn;
  }
}

/** The turn never began: nothing was touched. */
export class Stopped extends Error {}
