import type { Attempt } from "../tests/support/ledger";
import type { Outcome } from "./result";

const lane = 7;
const row = 46;
const labels = 200;
const wide = 720;
const margin = 16;
/** Seconds of one cell. */
const step = 0.5;
const earlier = 5;

type Colour = "well" | "failed" | "silent";

/** What each half second was like: a request that failed colours the one it was sent in. */
function cells(attempts: readonly Attempt[], from: number, to: number): Colour[] {
  const count = Math.max(1, Math.ceil((to - from) / (step * 1000)));
  const colours = new Array<Colour>(count).fill("silent");
  const cellOf = (moment: number) => Math.floor((moment - from) / (step * 1000));
  for (const { ended, succeeded } of attempts) {
    const cell = cellOf(ended);
    if (succeeded && cell >= 0 && cell < count) colours[cell] = "well";
  }
  for (const { begun, succeeded } of attempts) {
    const cell = cellOf(begun);
    if (!succeeded && cell >= 0 && cell < count) colours[cell] = "failed";
  }
  return colours;
}

/** Neighbours of one colour, as one. */
function runs(
  colours: readonly Colour[],
): { readonly colour: Colour; readonly at: number; readonly length: number }[] {
  const found: { colour: Colour; at: number; length: number }[] = [];
  for (const [at, colour] of colours.entries()) {
    const last = found.at(-1);
    if (last?.colour === colour) last.length += 1;
    else found.push({ colour, at, length: 1 });
  }
  return found;
}

/** Each fault as a row with a lane for each kind of request, over the seconds from the fault. SVG. */
export function timeline(outcomes: readonly Outcome[]): string {
  const span = Math.max(10, ...outcomes.map(({ struck, whole }) => (whole - struck) / 1000)) + earlier;
  const x = (second: number) => labels + ((second + earlier) / span) * wide;
  const top = margin + 24;
  const rows = outcomes.map((outcome, index) => {
    const y = top + index * row;
    const { struck, healed, whole, attempts, result } = outcome;
    const kinds = [...new Set(attempts.map(({ what }) => what))].sort();
    const lanes = kinds.flatMap((kind, at) =>
      runs(
        cells(
          attempts.filter(({ what }) => what === kind),
          struck - earlier * 1000,
          whole,
        ),
      ).map(({ colour, at: cell, length }) => {
        const begin = x(cell * step - earlier);
        const width = x((cell + length) * step - earlier) - begin;
        return `<rect class="${colour}" x="${begin.toFixed(1)}" y="${y + at * (lane + 1)}" width="${width.toFixed(1)}" height="${lane}"><title>${kind}</title></rect>`;
      }),
    );
    const mark = (name: string, moment: number) => {
      const at = x((moment - struck) / 1000).toFixed(1);
      return `<line class="${name}" x1="${at}" x2="${at}" y1="${y - 3}" y2="${y + kinds.length * (lane + 1) + 2}"/>`;
    };
    return [
      `<text x="${labels - 10}" y="${y + 14}" text-anchor="end">${result.fault}</text>`,
      ...lanes,
      mark("struck", struck),
      mark("healed", healed),
    ].join("\n");
  });
  const end = top + outcomes.length * row;
  const scale = Array.from({ length: Math.floor((span - earlier) / 10) + 1 }, (_, index) => index * 10).map(
    (second) => `<text x="${x(second).toFixed(1)}" y="${end + 8}" text-anchor="middle">${second} s</text>`,
  );
  const kinds = [...new Set(outcomes.flatMap(({ attempts }) => attempts.map(({ what }) => what)))].sort();
  const [width, height] = [labels + wide + margin, end + 24];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Requests around each fault">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .well { fill: #2da44e; } .failed { fill: #cf222e; } .silent { fill: #d0d7de; }
  .struck { stroke: #24292f; stroke-width: 2; } .healed { stroke: #0969da; stroke-width: 2; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .silent { fill: #484f58; } .struck { stroke: #e6edf3; } }
</style>
<text x="${labels}" y="${margin + 4}">from the top of each row: ${kinds.join(", ")}; green did well, red failed, grey no answer yet; black line the fault, blue it is put right</text>
${[...rows, ...scale].join("\n")}
</svg>
`;
}
