import { type AdminSettings, readAdmin } from "./admin-settings";
import { type DatabaseSettings, readDatabase } from "./database-settings";
import type { MachineKind } from "./machine-settings";
import type { Complain } from "./problem";
import { readImages, type TaigaImages } from "./taiga-images";

/** What the stack's configuration says of Taiga itself. Pure, as settings.ts. */
export interface ApplicationSettings {
  /**
   * `all`: the nine services, database and broker with a member on each of three machines. `core`: database (one member), back,
   * front, gateway and entry. `auto` is core where the machines are emulated, whose processors do not carry more, else all.
   * Default: auto.
   */
  readonly services: Services | "auto";
  readonly back: {
    /** Instances of the API, each on a machine of its own. Default: one a machine, two at most. */
    readonly instances: number;
  };
  /** Taiga's own images, or another's that keep their contract (docs/contract.md). Default: the rehearsal's, which are built here. */
  readonly images?: TaigaImages;
  readonly database: DatabaseSettings;
  readonly features: Features;
  readonly email: EmailSettings;
  /** Default: nobody; who may sign up does, or `manage.py createsuperuser` makes one. */
  readonly admin?: AdminSettings;
}

/** Switches of Taiga; each is a key of its own in etcd, and a change of one rolls through the instances. */
export interface Features {
  /** Whether anybody may sign up. Default: false. */
  readonly publicRegister: boolean;
  /** Whether Taiga tells its makers how much it is used. Default: false. */
  readonly telemetry: boolean;
  /** Whether projects may call addresses of their own. Default: true. */
  readonly webhooks: boolean;
  /** Whether the Slack integration is offered. Default: false. */
  readonly slack: boolean;
  /** Where projects may be imported from. Default: none. @example [github, trello] */
  readonly importers: readonly Importer[];
}

export type Services = "all" | "core";

/** Which services run on machines of a kind. */
export const servicesOn = (kind: MachineKind, { services }: ApplicationSettings): Services =>
  services !== "auto" ? services : kind === "emulated" ? "core" : "all";

export type Importer = "github" | "jira" | "trello";

/** How Taiga sends mail. Without `host` it writes mails to its log. */
export interface EmailSettings {
  readonly host?: string;
  /** Default: 587. */
  readonly port: number;
  readonly user?: string;
  /** Set with `pulumi config set --secret --path taiga:email.password`. */
  readonly password?: string;
  /** Sender. Default: taiga@localhost. */
  readonly from: string;
  /** Default: starttls. */
  readonly encryption: "none" | "starttls" | "tls";
}

const importers = ["github", "jira", "trello"] as const;
const choices = ["auto", "all", "core"] as const;
const encryptions = ["none", "starttls", "tls"] as const;
const switches = { publicRegister: false, telemetry: false, webhooks: true, slack: false } as const;
const emailDefaults = { port: 587, from: "taiga@localhost", encryption: "starttls" } as const;

type Mapping = Readonly<Record<string, unknown>>;

/**
 * Reads `taiga:services`, `taiga:back`, `taiga:images`, `taiga:database`, `taiga:features`, `taiga:email` and `taiga:admin`, complains
 * of every bad field, and goes on with its default.
 */
export function readApplication(
  raw: {
    readonly services?: string;
    readonly back?: unknown;
    readonly images?: unknown;
    readonly database?: unknown;
    readonly features?: unknown;
    readonly email?: unknown;
    readonly admin?: unknown;
  },
  machines: number,
  complain: Complain,
): ApplicationSettings {
  const mapping = (field: string, value: unknown, known: readonly string[], example: string): Mapping => {
    if (value === undefined || value === null) return {};
    if (typeof value !== "object" || Array.isArray(value)) {
      complain(field, value, `is no mapping; write one such as ${example}`);
      return {};
    }
    for (const [name, given] of Object.entries(value).filter(([each]) => !known.includes(each)))
      complain(
        `${field}.${name}`,
        secret(name, given),
        `is for no known field; write one of ${known.join(", ")}`,
      );
    return value as Mapping;
  };

  const services = choices.find((each) => each === (raw.services ?? "auto"));
  if (services === undefined)
    complain("services", raw.services, `is not known; write one of ${choices.join(", ")}`);
  const back = mapping("back", raw.back, ["instances"], "{ instances: 2 }");
  const usual = Math.min(2, machines);
  let instances = usual;
  if (back.instances !== undefined) {
    if (Number.isInteger(back.instances) && Number(back.instances) >= 1 && Number(back.instances) <= machines)
      instances = Number(back.instances);
    else
      complain(
        "back.instances",
        back.instances,
        `is no number of instances that ${machines} machines take, one each; write 1 to ${machines}`,
      );
  }

  const given = mapping(
    "features",
    raw.features,
    [...Object.keys(switches), "importers"],
    "{ publicRegister: true }",
  );
  const flag = (name: keyof typeof switches): boolean => {
    const value = given[name] ?? switches[name];
    if (typeof value === "boolean") return value;
    complain(
      `features.${name}`,
      value,
      `is neither on nor off; write ${!switches[name]} or ${switches[name]}`,
    );
    return switches[name];
  };
  const from = given.importers ?? [];
  const isImporter = (each: unknown): each is Importer => importers.includes(each as Importer);
  const wanted = Array.isArray(from) ? from.filter(isImporter) : [];
  if (!Array.isArray(from) || wanted.length < from.length)
    complain("features.importers", from, `is no list of importers; write a list of ${importers.join(", ")}`);

  const images = readImages(raw.images, complain);
  const admin = readAdmin(raw.admin, complain);
  return {
    services: services ?? "auto",
    ...(admin ? { admin } : {}),
    back: { instances },
    ...(images ? { images } : {}),
    database: readDatabase(raw.database, complain),
    features: {
      publicRegister: flag("publicRegister"),
      telemetry: flag("telemetry"),
      webhooks: flag("webhooks"),
      slack: flag("slack"),
      importers: importers.filter((each) => wanted.includes(each)),
    },
    email: readEmail(
      mapping(
        "email",
        raw.email,
        ["host", "port", "user", "password", "from", "encryption"],
        "{ host: mail.example.org }",
      ),
      complain,
    ),
  };
}

function readEmail(given: Mapping, complain: Complain): EmailSettings {
  const text = (name: "host" | "user" | "password" | "from"): string | undefined => {
    const value = given[name];
    if (value === undefined) return undefined;
    if (typeof value === "string" && value !== "" && !value.includes("\n")) return value;
    complain(`email.${name}`, secret(name, value), "is no line of text; write one in quotes");
    return undefined;
  };
  const port = given.port ?? emailDefaults.port;
  const isPort = Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65535;
  if (!isPort) complain("email.port", port, "is no port; write 587");
  const encryption = given.encryption ?? emailDefaults.encryption;
  const isEncryption = encryptions.includes(encryption as EmailSettings["encryption"]);
  if (!isEncryption)
    complain("email.encryption", encryption, `is not known; write one of ${encryptions.join(", ")}`);
  const [host, user, password] = [text("host"), text("user"), text("password")];
  if (!host && Object.keys(given).length > 0)
    complain(
      "email.host",
      given.host ?? null,
      "is no mail server, which the other fields are for; write its name",
    );
  return {
    ...(host ? { host } : {}),
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
    port: isPort ? Number(port) : emailDefaults.port,
    from: text("from") ?? emailDefaults.from,
    encryption: isEncryption ? (encryption as EmailSettings["encryption"]) : emailDefaults.encryption,
  };
}

/** A value that a message may repeat. */
const secret = (name: string, value: unknown): unknown => (name === "password" ? "[secret]" : value);

/** Taiga's own names for the switches, as keys below `/taiga/config/features`; Python's spelling of truth, as Taiga reads it. */
export function featureKeys(features: Features): Record<string, string> {
  const says = (on: boolean): string => (on ? "True" : "False");
  return {
    public_register_enabled: says(features.publicRegister),
    enable_telemetry: says(features.telemetry),
    webhooks_enabled: says(features.webhooks),
    enable_slack: says(features.slack),
    ...Object.fromEntries(
      importers.map((each) => [`enable_${each}_importer`, says(features.importers.includes(each))]),
    ),
  };
}

/** Taiga's own names for the mail settings, as keys below `/taiga/config/email`, but for the password, which is secret. */
export function emailKeys(email: EmailSettings): Record<string, string> {
  const says = (on: boolean): string => (on ? "True" : "False");
  return {
    email_backend: `django.core.mail.backends.${email.host ? "smtp" : "console"}.EmailBackend`,
    default_from_email: email.from,
    email_use_tls: says(email.encryption === "starttls"),
    email_use_ssl: says(email.encryption === "tls"),
    email_host: email.host ?? "localhost",
    email_port: String(email.port),
    ...(email.user ? { email_host_user: email.user } : {}),
  };
}
