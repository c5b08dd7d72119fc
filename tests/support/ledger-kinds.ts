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
