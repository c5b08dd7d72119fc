import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome, Result } from "./result";
import { timeline } from "./timeline";

const file = join(__dirname, "results.json");

const seconds = (value: number | null): string => (value === null ? "never" : `${value.toFixed(1)} s`);

/** Fault by fault, as text in columns. */
export function table(results: readonly Result[]): string {
  const rows = [
    ["fault", "machines", "reads back", "writes back", "longest stall", "failed", "acknowledged", "lost"],
    ...results.map((each) => [
      each.fault,
      each.kind,
      seconds(each.readsBackSeconds),
      seconds(each.writesBackSeconds),
      each.longestStallSeconds === undefined ? "" : seconds(each.longestStallSeconds),
      String(each.failedRequests),
      String(each.acknowledged),
      String(each.lost),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** New results take the place of earlier ones of the same fault on the same kind of machine. */
export const merge = (old: readonly Result[], fresh: readonly Result[]): Result[] => [
  ...old.filter((each) => !fresh.some(({ fault, kind }) => fault === each.fault && kind === each.kind)),
  ...fresh,
];

/** Puts a result into faults/results.json. */
export function save(result: Result): void {
  const old = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Result[]) : [];
  writeFileSync(file, `${JSON.stringify(merge(old, [result]), undefined, 2)}\n`);
}

/** Draws a run of every fault: faults/timeline-KIND.svg. */
export function draw(outcomes: readonly Outcome[]): void {
  const kind = outcomes[0]?.result.kind;
  if (kind) writeFileSync(join(__dirname, `timeline-${kind}.svg`), timeline(outcomes));
}
