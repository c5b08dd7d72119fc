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
