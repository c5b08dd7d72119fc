import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "./benchmark";
import { chart } from "./chart";

const file = join(__dirname, "results.json");

export const meets = ({ value, goal }: Result): boolean => goal === undefined || value <= goal;

/** A figure with its unit, as the table and the picture show it. */
export function figure(value: number, unit: Result["unit"]): string {
  if (unit === "ratio") return `${value.toFixed(2)}×`;
  if (unit === "seconds") return `${value.toFixed(1)} s`;
  return unit === "bytes" ? `${Math.round(value)} bytes` : `${Math.round(value)} MiB`;
}

export const title = ({ name, against }: Result): string => (against ? `${name}, against ${against}` : name);

export function table(results: readonly Result[]): string {
  const rows = results.map((result) => [
    title(result),
    figure(result.value, result.unit),
    result.goal === undefined ? "" : `≤ ${figure(result.goal, result.unit)}`,
    meets(result) ? "" : "not met",
  ]);
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] as string).length));
  const [first, second, third] = [0, 1, 2].map(width) as [number, number, number];
  return rows
    .map(([name = "", value = "", goal = "", says = ""]) =>
      `${name.padEnd(first)}  ${value.padStart(second)}  ${goal.padEnd(third)}  ${says}`.trimEnd(),
    )
    .join("\n");
}

/** Lays new results over those of earlier runs of other benchmarks; a full run keeps nothing of the old. */
export function merge(old: readonly Result[], fresh: readonly Result[]): Result[] {
  const same = (one: Result, other: Result) =>
    one.name === other.name && one.unit === other.unit && one.against === other.against;
  return [...old.filter((each) => !fresh.some((other) => same(each, other))), ...fresh];
}

/** Writes bench/results.json and, from the same results, bench/results.svg. */
export function save(fresh: readonly Result[], complete: boolean): void {
  const old =
    complete || !existsSync(file) ? [] : (JSON.parse(readFileSync(file, "utf8")) as readonly Result[]);
  const rounded = fresh.map((result) => ({ ...result, value: Number(result.value.toPrecision(3)) }));
  const results = merge(old, rounded);
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(join(__dirname, "results.svg"), chart(results));
}
