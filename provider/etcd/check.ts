import { isKnown } from "../unknown";
import { mostBytes } from "./limits";

/** What is wrong with a path of etcd; undefined when nothing is, or when it is not known yet. */
export function pathProblem(path: unknown, what: string, example: string): string | undefined {
  if (!isKnown(path) || (typeof path === "string" && /^\/.*[^/]$/.test(path))) return undefined;
  return `${JSON.stringify(path)} is not a ${what} of this cluster; write an absolute path, such as "${example}"`;
}

/** What is wrong with a value, which may be secret and is never repeated. */
export function valueProblem(value: unknown, key: unknown): string | undefined {
  if (value === undefined || value === null)
    return `${key} has no value; write text, "" if it is to be empty`;
  if (!isKnown(value)) return undefined;
  if (typeof value !== "string")
    return `the value of ${key} is a ${typeof value}; etcd stores text: put it in quotes, or through JSON.stringify`;
  if (Buffer.byteLength(value) <= mostBytes) return undefined;
  return `the value of ${key} has ${Buffer.byteLength(value)} bytes; etcd takes ${mostBytes}: split it over several keys`;
}
