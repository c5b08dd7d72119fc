export interface Problem {
  /** Where in the document, such as `write_files[0].permissions`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

/** What stands in for a key that is known from elsewhere: "write X". */
export type Instead = Readonly<Record<string, string>>;

/** Longer values, or secret ones, have no place in an error. */
const longestShown = 60;

/** Walks untyped YAML with the path it has come; what is wrong is noted, and the walk goes on to the next. */
export class Reader {
  constructor(
    readonly value: unknown,
    readonly path: string,
    private readonly problems: Problem[],
  ) {}

  /** The same notes with a value found within this one, such as a line of it. */
  within(value: unknown, place: string): Reader {
    return new Reader(value, `${this.path} ${place}`, this.problems);
  }

  /** Notes that the value here is wrong. `expected` follows "write". */
  complain(expected: string): void {
    const text = JSON.stringify(this.value) ?? "";
    const shown = text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
    const what = this.value === undefined || this.value === null ? "is missing" : `is ${shown}`;
    this.problems.push({ path: this.path, message: `${what}; write ${expected}` });
  }

  private get fields(): Readonly<Record<string, unknown>> {
    const { value } = this;
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  }

  /** A key without a value, as YAML has it when all that is under it is commented out, counts as absent. */
  has(name: string): boolean {
    return this.fields[name] !== undefined && this.fields[name] !== null;
  }

  keys(): string[] {
    return Object.keys(this.fields);
  }

  field(name: string): Reader {
    const value = Object.hasOwn(this.fields, name) ? this.fields[name] : undefined;
    return new Reader(value, this.path ? `${this.path}.${name}` : name, this.problems);
  }

  /** The named field as a part to spread: there is none when the field is absent. */
  optional<K extends string, T>(name: K, read: (value: Reader) => T): { [key in K]?: T } {
    return (this.has(name) ? { [name]: read(this.field(name)) } : {}) as { [key in K]?: T };
  }

  /** Refuses all but a mapping, and in it every key but these; hyphen for underscore is told as such. */
  only(names: readonly string[], instead: Instead = {}): void {
    if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) {
      this.complain(`a mapping with ${names.join(", ")}`);
    }
    for (const name of this.keys().filter((each) => !names.includes(each))) {
      const spelled = (one: string) => one.replaceAll("-", "_");
      const other =
        (Object.hasOwn(instead, name) ? instead[name] : undefined) ??
        names.find((each) => spelled(each) === spelled(name));
      this.field(name).complain(other ?? `one of ${names.join(", ")}; ${name} is not known here`);
    }
  }

  list<T>(name: string, read: (entry: Reader) => T): T[] {
    if (!this.has(name)) return [];
    const list = this.field(name);
    if (!Array.isArray(list.value)) {
      list.complain("a list");
      return [];
    }
    return list.value.map((entry, index) => read(new Reader(entry, `${list.path}[${index}]`, this.problems)));
  }

  /** A list of mappings that are told apart by one field of theirs. */
  distinct<T>(name: string, by: string, read: (entry: Reader) => T): T[] {
    const seen = new Set<unknown>();
    return this.list(name, (entry) => {
      const key = entry.field(by);
      if (key.value !== undefined && seen.has(key.value))
        key.complain("one entry for it; this is the second");
      seen.add(key.value);
      return read(entry);
    });
  }

  text(): string {
    if (typeof this.value !== "string") this.complain("text (in quotes, if it looks like something else)");
    return String(this.value);
  }

  match(pattern: RegExp, expected: string): string {
    if (typeof this.value !== "string" || !pattern.test(this.value)) this.complain(expected);
    return String(this.value);
  }

  oneOf<const T extends string>(values: readonly T[]): T {
    if (!values.includes(this.value as T)) this.complain(`one of ${values.join(", ")}`);
    return this.value as T;
  }

  boolean(): boolean {
    if (typeof this.value !== "boolean") this.complain("true or false");
    return this.value === true;
  }

  integer(from: number, to: number): number {
    if (!Number.isInteger(this.value) || (this.value as number) < from || (this.value as number) > to) {
      this.complain(`a whole number from ${from} to ${to}`);
    }
    return this.value as number;
  }
}
