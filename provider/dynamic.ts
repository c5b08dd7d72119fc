import { findSourceMap } from "node:module";
import type * as pulumi from "@pulumi/pulumi";
import { CustomResource } from "@pulumi/pulumi/resource";

/** The modules of provider/entry, by which the state finds the code of a kind. */
export type Entry =
  | "access"
  | "certificate"
  | "configuration"
  | "data-disk"
  | "holders"
  | "image"
  | "key"
  | "membership"
  | "prefix"
  | "readiness"
  | "rollout"
  | "seat"
  | "unit";

/**
 * A resource of the engine's dynamic provider, as pulumi.dynamic.Resource is one, whose stored code is written here rather
 * than serialised from a closure: 58 characters instead of 257, kept twice for each resource in a state that is written
 * anew at each step, and nothing to analyse when the program starts.
 * `__provider` and the type's first part are the contract of the SDK's cmd/dynamic-provider.
 */
export class DynamicResource extends CustomResource {
  constructor(
    entry: Entry,
    type: `${string}:${string}`,
    name: string,
    props: pulumi.Inputs,
    options?: pulumi.CustomResourceOptions,
  ) {
    const __provider = `exports.handler=()=>require("taiga-provider/${entry}.cjs")`;
    const before = Error.prepareStackTrace;
    Error.prepareStackTrace = shortStack;
    try {
      super(`pulumi-nodejs:dynamic/${type}`, name, { ...props, __provider }, options);
    } finally {
      Error.prepareStackTrace = before as typeof Error.prepareStackTrace;
    }
  }
}

/**
 * The SDK stores the whole stack of a constructor's call with the resource, loader and all: half a kilobyte each. These are
 * its own five frames, the kind's constructor, and the line in the program that calls it.
 */
const keptFrames = 7;

const shortStack = (error: Error, frames: readonly NodeJS.CallSite[]): string =>
  [
    error,
    ...frames
      .slice(0, keptFrames)
      .map((frame) => `${frame.getFunctionName() ?? "program"} (${position(frame)})`),
  ].join("\n    at ");

/** Where a frame is in the source, not in what was compiled from it. */
function position(frame: NodeJS.CallSite): string {
  const file = frame.getFileName() ?? "";
  const [line, column] = [frame.getLineNumber() ?? 0, frame.getColumnNumber() ?? 0];
  const entry = findSourceMap(file)?.findEntry(line - 1, column - 1);
  return entry && "originalLine" in entry
    ? `${file}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : `${file}:${line}:${column}`;
}
