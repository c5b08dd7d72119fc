import { request } from "node:https";

export type HttpMethod = "GET" | "PUT" | "POST" | "DELETE";

export interface Answer {
  readonly status: number;
  /** What the body says, where it is JSON. */
  readonly body: unknown;
}

/** Who asks, PEM, and the CA by which a member is known. */
export interface Identity {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** One request to etcd's HTTP API. @throws Error when nobody answers within 30 s. */
export function requestJson(
  url: URL,
  { ca, certificate, key }: Identity,
  {
    method,
    body,
    headers = {},
  }: {
    readonly method: HttpMethod;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method,
        ca,
        cert: certificate,
        key,
        servername: "localhost", // every member's certificate names it; an address is no server name in TLS
        agent: false,
        timeout: 30_000,
        headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response
          .on("error", reject)
          .on("end", () => resolve({ status: response.statusCode ?? 0, body: parsed(text) }));
      },
    );
    call
      .on("timeout", () => call.destroy(new Error(`${method} ${url}: no answer within 30 s`)))
      .on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}
