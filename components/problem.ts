/** Something wrong with a stack's configuration. */
export interface Problem {
  /** As in the stack's file: `taiga:machines.memory`. */
  readonly field: string;
  /** The value, and what to write instead. */
  readonly message: string;
}

/**
 * Says that a field's value is wrong.
 * @param field without its namespace: `machines.count`
 * @param remedy what is wrong with the value, and what to write instead
 */
export type Complain = (field: string, value: unknown, remedy: string) => void;
