import type { Complain } from "./problem";
/** Taiga's first user, an administrator, who is created once. */
export interface AdminSettings {
  readonly username: string;
  readonly email: string;
  /**
   * Set with `pulumi config set --secret --path taiga:admin.password`. Left out, one is made of the stack's root secret:
   * `pulumi stack output adminPassword --show-secrets`.
   */
  readonly password?: string;
}

const fields = ["username", "email", "password"] as const;
const shortest = 8;

/** Reads `taiga:admin`; undefined where it is not set, or where something in it is wrong, which is complained of. */
export function readAdmin(raw: unknown, complain: Complain): AdminSettings | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (typeof raw !== "object" || Array.isArray(raw)) {
    // What was written here may be the password.
    complain(
      "admin",
      "[secret]",
      "is no mapping; write one such as { username: ada, email: ada@example.org }",
    );
    return undefined;
  }
  const given = raw as Readonly<Record<string, unknown>>;
  if (Object.keys(given).length === 0) return undefined; // the default in Pulumi.yaml
  let good = true;
  const wrong = (field: string, value: unknown, remedy: string) => {
    good = false;
    complain(`admin.${field}`, value, remedy);
  };
  for (const name of Object.keys(given).filter((each) => !fields.includes(each as never)))
    wrong(name, "[secret]", `is for no known field; write one of ${fields.join(", ")}`);
  const { username, email, password } = given;
  // Taiga's own rule for names.
  if (typeof username !== "string" || !/^[\w.-]{1,255}$/.test(username))
    wrong("username", username ?? null, "is no user's name; write letters, digits, and any of . _ -");
  if (typeof email !== "string" || !/^[^\s@]+@[^\s@]+$/.test(email) || email.length > 255)
    wrong("email", email ?? null, "is no mail address; write one such as ada@example.org");
  if (password !== undefined && !isPassword(password))
    wrong(
      "password",
      "[secret]",
      `is no line of at least ${shortest} characters; write one in quotes, or leave it out to have one made`,
    );
  return good ? (given as unknown as AdminSettings) : undefined;
}

/** Docker takes a line of an environment file as it is, so that all a password must not have is a line's end. */
const isPassword = (value: unknown): value is string =>
  typeof value === "string" && value.length >= shortest && !/[\r\n\0]/.test(value);

/**
 * Django's own names for what `createsuperuser` asks for, as keys below `/taiga/config`, but for the password. The name is
 * among back's settings, so that its instances take a new one up; what is below `admin` no instance is told.
 */
export const adminKeys = ({ username, email }: AdminSettings): Record<string, string> => ({
  "back/django_superuser_username": username,
  "admin/django_superuser_email": email,
});
