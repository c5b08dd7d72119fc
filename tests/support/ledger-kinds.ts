import { createHash } from "node:crypto";
import type { Answer, Client } from "./client";

/** Something that is asked of Taiga again and again. */
export interface Kind {
  readonly name: string;
  /** The status of an answer that is what was wanted. */
  readonly success: number;
  ask(client: Client, subject: string, timeoutSeconds: number): Promise<Answer>;
  /** Milliseconds from an answer to the next request. Default: 100. */
  readonly pause?: number;
  /** Which of these Taiga has; of a read there is nothing to be found. */
  readonly found?: (client: Client, subjects: readonly string[]) => Promise<Set<string>>;
}

/** A row in the database. */
export const stories: Kind = {
  name: "stories",
  success: 201,
  ask: (client, subject, timeoutSeconds) =>
    client.ask("/api/v1/userstories", { method: "POST", body: { subject }, timeoutSeconds }),
  found: async (client) => {
    const rows = await client.json<{ subject: string }[]>("/api/v1/userstories");
    return new Set(rows.map(({ subject }) => subject));
  },
};

/** A message on the broker, which a worker takes off it and writes down. */
export const events: Kind = {
  name: "events",
  success: 201,
  ask: (client, name, timeoutSeconds) =>
    client.ask("/api/v1/rehearsal/tasks", { method: "POST", body: { name }, timeoutSeconds }),
  found: async (client) => {
    const done = await client.json<{ name: string }[]>("/api/v1/rehearsal/tasks");
    return new Set(done.map(({ name }) => name));
  },
};

/** Asks the database, and leaves nothing behind. */
export const reads: Kind = {
  name: "reads",
  success: 200,
  ask: (client, _subject, timeoutSeconds) => client.ask("/api/v1/projects", { timeoutSeconds }),
};

/** A page and what it reads first, which the front writes from its environment when it starts. */
export const pages: Kind = {
  name: "pages",
  success: 200,
  pause: 200,
  ask: async (client, _subject, timeoutSeconds) => {
    const page = await client.ask("/", { timeoutSeconds });
    if (page.status !== 200) return page;
    const settings = await client.ask("/conf.json", { timeoutSeconds });
    if (settings.status === 200) JSON.parse(settings.text);
    return settings;
  },
};

/** A websocket, opened anew each time: one that is open ends with its instance, and its user opens another. */
export const websockets: Kind = {
  name: "websockets",
  success: 101,
  pause: 200,
  ask: async (client, _subject, timeoutSeconds) => {
    (await client.websocket("/events", timeoutSeconds)).destroy();
    return { status: 101, text: "", fingerprint: "" };
  },
};

export const attachments = "/api/v1/userstories/attachments";

/** What is in the file of this name: 32 KiB that no other has. */
const contentOf = (name: string): string => createHash("sha256").update(name).digest("hex").repeat(512);

export function uploadOf(name: string): FormData {
  const form = new FormData();
  form.set("attached_file", new Blob([contentOf(name)]), `${name}.txt`);
  return form;
}

/** A file in the media, which the gateway shows to who has its token. */
export const uploads: Kind = {
  name: "uploads",
  success: 201,
  pause: 500, // a member that was away is to be whole again while they go on
  ask: (client, subject, timeoutSeconds) =>
    client.ask(attachments, { method: "POST", body: uploadOf(subject), timeoutSeconds }),
  found: async (client, subjects) => {
    const rows = await client.json<{ name: string; url: string }[]>(attachments);
    const urls = new Map(rows.map(({ name, url }) => [name, url]));
    const found = new Set<string>();
    const rest = [...subjects];
    const read = async () => {
      for (let subject = rest.pop(); subject !== undefined; subject = rest.pop()) {
        const url = urls.get(`${subject}.txt`);
        if (!url) continue;
        const { pathname, search } = new URL(url);
        if ((await client.ask(pathname + search)).text === contentOf(subject)) found.add(subject);
      }
    };
    await Promise.all(Array.from({ length: 8 }, read));
    return found;
  },
};

/** Milliseconds for which a token is used: less than protected takes it (`MAX_AGE`, 360 s). */
const tokenAge = 60_000;

/** Reads a file of its own again and again, by the URL and token that the API gave with it; each minute another. */
export function mediaReads(): Kind {
  let own = { given: 0, name: "", path: "" };
  return {
    name: "media reads",
    success: 200,
    ask: async (client, subject, timeoutSeconds) => {
      if (Date.now() - own.given > tokenAge) {
        const uploaded = await client.ask(attachments, {
          method: "POST",
          body: uploadOf(subject),
          timeoutSeconds,
        });
        if (uploaded.status !== uploads.success) return uploaded;
        const { pathname, search } = new URL((JSON.parse(uploaded.text) as { url: string }).url);
        own = { given: Date.now(), name: subject, path: pathname + search };
      }
      const { name, path } = own;
      const read = await client.ask(path, { timeoutSeconds });
      if (read.status === 200 && read.text !== contentOf(name)) throw new Error(`another file than ${name}`);
      return read;
    },
  };
}
