import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payload } from "../../images/artifacts";
import { buildArtifacts } from "../../images/build";
import type { UnitOption } from "../../provider/fleet/unit-file";

export interface Submitted {
  /** What fleetctl put; undefined when it refused the file itself. */
  readonly options?: readonly UnitOption[];
  /** Both streams of fleetctl: errors, and what it warns of. */
  readonly says: string;
}

/** Its JSON leaves out an empty value. */
interface Put {
  readonly options?: readonly (Omit<UnitOption, "value"> & { readonly value?: string })[];
}

/** The payload's own fleetctl, and an endpoint that takes down what it sends. */
export class Fleetctl {
  readonly #folder = mkdtempSync(join(tmpdir(), "taiga-fleetctl-"));
  #put: Put | undefined;
  #server: Server | undefined;

  static async start(): Promise<Fleetctl> {
    await buildArtifacts(() => {});
    const fleetctl = new Fleetctl();
    await fleetctl.#listen();
    return fleetctl;
  }

  async #listen(): Promise<void> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request
        .on("data", (part: Buffer) => parts.push(part))
        .on("end", () => {
          const answer = (status: number, body?: unknown) =>
            response
              .writeHead(status, { "content-type": "application/json" })
              .end(body && JSON.stringify(body));
          if (request.method === "PUT") {
            this.#put = JSON.parse(Buffer.concat(parts).toString()) as Put;
            return answer(201);
          }
          // fleetctl asks before it sends, and afterwards until the unit is there.
          if (!this.#put) return answer(404, { error: { code: 404, message: "unit does not exist" } });
          answer(200, { ...this.#put, currentState: "inactive", desiredState: "inactive" });
        });
    });
    await new Promise<void>((resolve, reject) =>
      server.once("error", reject).listen(0, "127.0.0.1", resolve),
    );
    this.#server = server;
  }

  /** `fleetctl submit` of a file with this text; one at a time. */
  submit(name: string, text: string): Promise<Submitted> {
    const file = join(this.#folder, name);
    writeFileSync(file, text);
    this.#put = undefined;
    const address = this.#server?.address() as AddressInfo;
    return new Promise((resolve) => {
      execFile(
        join(payload().tree, "bin/fleetctl"),
        ["--driver=API", `--endpoint=http://127.0.0.1:${address.port}`, "submit", file],
        { timeout: 20_000 },
        (error, stdout, stderr) => {
          const says = `${stdout}${stderr}${error && !stderr ? error.message : ""}`;
          const options = (this.#put?.options ?? []).map((option) => ({ value: "", ...option }));
          resolve({ says, ...(this.#put && { options }) });
        },
      );
    });
  }

  stop(): void {
    this.#server?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
