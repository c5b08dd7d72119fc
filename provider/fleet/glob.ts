/** One thing a glob may have in a place. */
type Piece =
  | { readonly kind: "rest" }
  | { readonly kind: "any" }
  | { readonly kind: "one"; readonly letter: string }
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

/**
 * Whether a name matches a glob as Go's path.Match has it, by which fleet reads Conflicts=: `*` and `?` do not go over a
 * slash, `[a-z]` and `[^a-z]` are classes, a backslash takes a letter as it is. A glob that is none matches nothing.
 */
export function matchesGlob(glob: string, name: string): boolean {
  const pieces = parse(glob);
  return pieces !== undefined && matchesFrom(pieces, 0, [...name], 0);
}

/** Whether fleet can make anything of it: what is not closed, or escapes nothing, it passes over in silence. */
export const isGlob = (text: string): boolean => parse(text) !== undefined;

function parse(glob: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  const letters = [...glob];
  let at = 0;
  /** The letter here, a backslash before it taken off; undefined at the end. */
  const letter = (): string | undefined => {
    if (letters[at] === "\\") at += 1;
    const found = letters[at];
    at += 1;
    return found;
  };
  while (at < letters.length) {
    const here = letters[at];
    if (here === "*" || here === "?") {
      pieces.push({ kind: here === "*" ? "rest" : "any" });
      at += 1;
    } else if (here === "[") {
      at += 1;
      const negated = letters[at] === "^";
      if (negated) at += 1;
      const ranges: (readonly [string, string])[] = [];
      while (letters[at] !== "]" || ranges.length === 0) {
        if (letters[at] === "]" || letters[at] === "-") return undefined;
        const low = letter();
        if (low === undefined) return undefined;
        let high: string | undefined = low;
        if (letters[at] === "-") {
          at += 1;
          if (letters[at] === "]" || letters[at] === "-") return undefined;
          high = letter();
        }
        if (high === undefined) return undefined;
        ranges.push([low, high]);
      }
      at += 1;
      pieces.push({ kind: "class", negated, ranges });
    } else {
      const found = letter();
      if (found === undefined) return undefined;
      pieces.push({ kind: "one", letter: found });
    }
  }
  return pieces;
}

function matchesFrom(pieces: readonly Piece[], piece: number, name: readonly string[], at: number): boolean {
  const here = pieces[piece];
  if (here === undefined) return at === name.length;
  if (here.kind === "rest") {
    for (let next = at; ; next += 1) {
      if (matchesFrom(pieces, piece + 1, name, next)) return true;
      if (next === name.length || name[next] === "/") return false;
    }
  }
  const letter = name[at];
  if (letter === undefined) return false;
  const fits =
    here.kind === "one"
      ? letter === here.letter
      : here.kind === "any"
        ? letter !== "/"
        : here.ranges.some(([low, high]) => low <= letter && letter <= high) !== here.negated;
  return fits && matchesFrom(pieces, piece + 1, name, at + 1);
}
