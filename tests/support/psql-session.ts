import type { Duplex } from "node:stream";
import type { Machine, SshPool } from "../../provider/clients/ssh";

/** psql inside a database's container; it prints values alone. */
export const superuser = "/usr/lib/postgresql/15/bin/psql -h /run/postgresql -At";

/**
 * A psql in a machine's database container that stays open. Of the processes that ended in 90 s of a fault, sudo, docker, runc and psql for
 * a question each had a quarter of the processor's time.
 */
export class PsqlSession {
  #said = "";
  #answered: ((line: string | undefined) => void) | undefined;
  #isOpen = true;

  /** Rejects when the machine cannot be reached; a database that cannot ends the session at once. */
  static async open(ssh: SshPool, machine: Machine): Promise<PsqlSession> {
    const command = `sudo docker exec -i -u postgres taiga-db ${superuser} -q -v ON_ERROR_STOP=1`;
    return new PsqlSession((await ssh.start(machine, command)).channel);
  }

  private constructor(private readonly channel: Duplex) {
    channel.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#said + text).split("\n");
      this.#said = lines.pop() as string;
      for (const line of lines) this.#answer(line);
    });
    channel.on("error", () => {}).on("close", () => this.close());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Asks for one value. @returns undefined, and ends the session, where there is no answer in time */
  ask(sql: string, timeoutSeconds: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (!this.#isOpen) return resolve(undefined);
      const timer = setTimeout(() => this.close(), timeoutSeconds * 1000);
      this.#answered = (line) => {
        clearTimeout(timer);
        resolve(line);
      };
      this.channel.write(`${sql};\n`);
    });
  }

  close(): void {
    this.#isOpen = false;
    this.channel.end();
    this.channel.destroy();
    this.#answer(undefined);
  }

  #answer(line: string | undefined): void {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(line);
  }
}
