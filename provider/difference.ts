import type * as dynamic from "@pulumi/pulumi/dynamic";

/**
 * What `diff` answers. A resource that is to be changed and not replaced is left to the engine, which compares the inputs
 * itself: a plain yes would name no property, and `replaceOnChanges` goes by names. It would find no change in a resource
 * whose state alone differs, so what `read` finds has to become the inputs as well.
 * @param replaces the properties by which it is another resource.
 */
export const difference = (replaces: string[], differs: boolean): dynamic.DiffResult => ({
  replaces,
  ...(replaces.length > 0 ? { changes: true } : differs ? {} : { changes: false }),
});
