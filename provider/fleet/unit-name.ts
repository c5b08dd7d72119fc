/** fleet's documentation "Unit files and scheduling": systemd's types, less those fleet does not start. */
export const unitTypes = ["service", "socket", "device", "mount", "automount", "timer", "path"] as const;
export type UnitType = (typeof unitTypes)[number];

/** systemd's UNIT_NAME_MAX, the closing zero taken off. */
const longest = 255;

/** A name's parts: `taiga-back@1.service` is the instance 1 of the template `taiga-back@.service`. */
export interface UnitName {
  readonly type: UnitType;
  readonly template?: string;
  /** Empty in a template's own name. */
  readonly instance?: string;
}

/** @returns undefined for what is no unit's name. */
export function parseUnitName(name: string): UnitName | undefined {
  const parts = /^([A-Za-z0-9:_.\\-]+)(?:@([A-Za-z0-9:_.@\\-]*))?\.([a-z]+)$/.exec(name);
  const type = unitTypes.find((each) => each === parts?.[3]);
  if (!parts || !type || name.length > longest) return undefined;
  const instance = parts[2];
  return instance === undefined ? { type } : { type, template: `${parts[1]}@.${type}`, instance };
}

/** @throws Error for what is no unit's name, or a template's where an instance is wanted. */
export function checkUnitName(name: string): void {
  const parsed = parseUnitName(name);
  if (!parsed) {
    throw new Error(
      `${JSON.stringify(name)} is no unit's name; write letters, digits and :_.\\-, at most ${longest}, and one of ` +
        `${unitTypes.map((type) => `.${type}`).join(", ")}, such as "taiga-db.service" or "taiga-back@1.service"`,
    );
  }
  if (parsed.instance === "") {
    throw new Error(
      `${JSON.stringify(name)} is a template, which fleet cannot run; name an instance, such as "${name.replace("@.", "@1.")}"`,
    );
  }
}

/** Puts in what fleet does in an [X-Fleet] section (its job/job.go): %n, %N, %p and %i, of the unit's name. */
export function expandSpecifiers(text: string, unit: string): string {
  const name = unit.slice(0, unit.lastIndexOf("."));
  const at = name.indexOf("@");
  return text
    .replaceAll("%n", unit)
    .replaceAll("%N", name)
    .replaceAll("%p", at < 0 ? name : name.slice(0, at))
    .replaceAll("%i", at < 0 ? "" : name.slice(at + 1));
}
