import type { Progress } from "../deploy/steps";

/** @example "12.3 MiB" */
export const amount = (bytes: number): string =>
  bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/** Says each few seconds how far a stream has come. */
export function saying(progress: Pick<Progress, "say">, what: string): (bytes: number) => void {
  let told = Date.now();
  return (bytes) => {
    if (Date.now() - told < 5000) return;
    told = Date.now();
    progress.say(`${what}: ${amount(bytes)}`);
  };
}
