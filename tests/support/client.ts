import { Agent, request } from "node:https";
import type { Duplex } from "node:stream";
import type { Outputs } from "./stack";

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The certificate the gateway showed, as hexadecimal digits of its SHA-256. */
  readonly fingerprint: string;
}

export interface Asking {
  readonly method?: string;
  /** Sent as JSON, a form as itself. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: 60 s; a machine may be emulated. */
  readonly timeoutSeconds?: number;
}

async function encoded(
  body: unknown,
): Promise<{ readonly type: string; readonly bytes: Buffer } | undefined> {
  if (body === undefined) return undefined;
  if (!(body instanceof FormData))
    return { type: "application/json", bytes: Buffer.from(JSON.stringify(body)) };
  const form = new Response(body);
  return {
    type: form.headers.get("content-type") as string,
    bytes: Buffer.from(await form.arrayBuffer()),
  };
}

/** A client of one stack's Taiga, which trusts the stack's CA and nobody else. */
export class Client {
  readonly #agent: Agent;
  readonly #ca: string;

  constructor(
    { caCertificate }: Pick<Outputs, "caCertificate">,
    readonly url: string,
    { keepAlive = true }: { readonly keepAlive?: boolean } = {},
  ) {
    this.#ca = caCertificate;
    this.#agent = new Agent({ ca: caCertificate, keepAlive });
  }

  async ask(
    path: string,
    { method = "GET", body, headers, timeoutSeconds = 60 }: Asking = {},
  ): Promise<Answer> {
    const payload = await encoded(body);
    return new Promise((done, fail) => {
      const asking = request(
        new URL(path, this.url),
        {
          method,
          agent: this.#agent,
          signal: AbortSignal.timeout(timeoutSeconds * 1000),
          headers: {
            ...headers,
            ...(payload && { "content-type": payload.type, "content-length": payload.bytes.length }),
          },
        },
        (response) => {
          const { fingerprint256 } = (response.socket as import("node:tls").TLSSocket).getPeerCertificate();
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          response.once("error", fail);
          response.once("end", () =>
            done({ status: response.statusCode ?? 0, text, fingerprint: fingerprint256 }),
          );
        },
      );
      asking.once("error", fail);
      asking.end(payload?.bytes);
    });
  }

  /** @throws Error with status and text of an answer other than 2xx. */
  async json<T>(path: string, asking?: Asking): Promise<T> {
    const { status, text } = await this.ask(path, asking);
    if (status < 200 || status > 299) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  /**
   * Opens a websocket; what comes are frames (RFC 6455), here short enough to be read as they are.
   * @throws Error with the status of an answer that opens none
   */
  async websocket(path: string, timeoutSeconds = 60): Promise<Duplex> {
    let patience: NodeJS.Timeout | undefined;
    const opened = new Promise<Duplex>((done, fail) => {
      const asking = request(new URL(path, this.url), {
        ca: this.#ca,
        agent: false,
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": Buffer.from("a key of 16 byte").toString("base64"),
        },
      });
      asking.once("upgrade", (_response, socket) => done(socket));
      asking.once("response", ({ statusCode }) => asking.destroy(new Error(`no websocket: ${statusCode}`)));
      asking.once("error", fail);
      patience = setTimeout(
        () => asking.destroy(new Error(`no websocket within ${timeoutSeconds} s`)),
        timeoutSeconds * 1000,
      );
      asking.end();
    });
    return opened.finally(() => clearTimeout(patience));
  }

  close(): void {
    this.#agent.destroy();
  }
}
