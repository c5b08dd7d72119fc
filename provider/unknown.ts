/** What stands for a value that a preview does not know yet (pulumi's sdk/nodejs/runtime/rpc.ts, `unknownValue`). */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export const isKnown = (value: unknown): boolean => value !== undefined && value !== unknown;
