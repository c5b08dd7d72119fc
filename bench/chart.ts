import type { Result } from "./benchmark";
import { figure, meets, title } from "./report";

const row = 26;
const labels = 520;
const bars = 300;
const margin = 16;
/** Bars end here: what is slower is cut off, and its figure says how slow. */
const longest = 2;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The ratios as bars, each with its goal as a mark and the peer, 1×, as a line; then the other figures. SVG. */
export function chart(results: readonly Result[]): string {
  const ratios = results.filter(({ unit }) => unit === "ratio");
  const others = results.filter(({ unit }) => unit !== "ratio");
  const x = (value: number) => labels + (Math.min(value, longest) / longest) * bars;
  const top = margin + row;
  const height = top + (ratios.length + others.length) * row + margin;
  const width = labels + bars + 110;
  const text = (at: number, y: number, words: string, more = "") =>
    `<text x="${at}" y="${y + 17}"${more}>${escaped(words)}</text>`;
  const lines = ratios.flatMap((result, index) => {
    const y = top + index * row;
    const mark = result.goal === undefined ? "" : goalMark(x(result.goal), y);
    return [
      text(labels - 10, y, title(result), ' text-anchor="end"'),
      `<rect class="${meets(result) ? "bar" : "bar missed"}" x="${labels}" y="${y + 4}" width="${(x(result.value) - labels).toFixed(1)}" height="${row - 8}" rx="2"/>`,
      mark,
      text(labels + bars + 10, y, figure(result.value, "ratio")),
    ];
  });
  const figures = others.flatMap((result, index) => {
    const y = top + (ratios.length + index) * row;
    const goal = result.goal === undefined ? "" : `  (goal: ${figure(result.goal, result.unit)})`;
    return [
      text(labels - 10, y, title(result), ' text-anchor="end"'),
      text(labels, y, `${figure(result.value, result.unit)}${goal}`),
    ];
  });
  const end = top + ratios.length * row;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Benchmark results">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .bar { fill: #2da44e; } .missed { fill: #bf5700; }
  .peer { stroke: #57606a; stroke-dasharray: 3 3; } .goal { stroke: #cf222e; stroke-width: 2; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .peer { stroke: #8b949e; } }
</style>
${text(labels - 10, margin, "time against the peer's; shorter is better", ' text-anchor="end"')}
${text(x(1), margin, "1× the peer", ' text-anchor="middle"')}
<line class="peer" x1="${x(1)}" x2="${x(1)}" y1="${top}" y2="${end}"/>
${[...lines, ...figures].filter((line) => line !== "").join("\n")}
</svg>
`;
}

const goalMark = (x: number, y: number): string =>
  `<line class="goal" x1="${x}" x2="${x}" y1="${y + 1}" y2="${y + row - 1}"/>`;
