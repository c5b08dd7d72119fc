export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** Walks untyped YAML with the path it has come; what is wrong is noted, and the walk goes on to the next. */
export class Reader {
  constructor(
    readonly value: unknown,
    readonly path: string,
    private readonly problems: Problem[],
  ) {}

  private complain(expected: string): void {
    const shown = this.value === undefined ? "is missing" : `is ${JSON.stringify(this.value)}`;
    this.problems.push({ path: this.path, message: `${shown}; write ${expected}` });
  }

  private get fields(): Record<string, unknown> {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value)
      ? (this.value as Record<string, unknown>)
      : {};
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  field(name: string): Reader {
    return new Reader(this.fields[name], this.path ? `${this.path}.${name}` : name, this.problems);
  }

  optional<K extends string, T>(name: K, read: (value: Reader) => T): { [key in K]?: T } {
    return (this.has(name) ? { [name]: read(this.field(name)) } : {}) as { [key in K]?: T };
  }

  /** Refuses every key but these, naming what stands in for one that is known from elsewhere. */
  only(names: readonly string[], instead: Readonly<Record<string, string>>): void {
    if (Object.keys(this.fields).length === 0) this.complain(`a mapping with ${names.join(", ")}`);
    for (const name of Object.keys(this.fields).filter((each) => !names.includes(each))) {
      this.field(name).complain(`${instead[name] ?? `one of ${names.join(", ")}`} instead of ${name}`);
    }
  }

  section(name: string, instead: Readonly<Record<string, string>>, names: readonly string[]): Reader | undefined {
    if (this.value !== null && Object.keys(this.fields).length > 0) this.only(names, instead);
    else if (typeof this.value !== "object") this.complain(`a mapping with ${names.join(", ")}`);
    return this.has(name) ? this.field(name) : undefined;
  }

  list<T>(name: string, read: (entry: Reader) => T): T[] {
    const list = this.field(name);
    if (list.value === undefined) return [];
    if (!Array.isArray(list.value)) {
      list.complain("a list");
      return [];
    }
    return list.value.map((entry, index) => read(new Reader(entry, `${list.path}[${index}]`, this.problems)));
  }

  text(): string {
    if (typeof this.value !== "string") this.complain("text (in quotes, if it looks like a number)");
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
