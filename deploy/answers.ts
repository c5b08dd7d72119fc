import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

/** Seconds. The update's gates have seen every service by then; what is left is a gateway that has to hear of one. */
const patience = 120;

/**
 * Waits until an address answers as its user will find it: anything but an error of the server's, since who says what it does
 * not want is there.
 * @param ca the certificate authority to trust, PEM; empty for those the host trusts.
 * @throws Error with the last reason, and what to look at.
 */
export async function untilAnswers(url: URL, ca: string, say: (line: string) => void): Promise<void> {
  const begun = Date.now();
  let told = begun;
  // What is left mostly comes within a second; a request that an emulated machine answers costs it one.
  for (let pause = 200; ; pause = Math.min(1.5 * pause, 2_000)) {
    const why = await asked(url, ca);
    if (why === undefined) return;
    if (Date.now() - begun > patience * 1000)
      throw new Error(
        `${url} does not answer (${why}), though every gate of \`pulumi up\` is passed. Look at: virsh list --all; ` +
          "pulumi refresh (after the lines of ./deploy.sh --print-env); npm run ssh -- 1 'fleetctl list-units'",
      );
    if (Date.now() - told >= 8_000) {
      told = Date.now();
      say(`${url}: ${Math.round((told - begun) / 1000)} s so far: ${why}`);
    }
    await sleep(pause);
  }
}

/** What is wrong with the answer; undefined when nothing is. */
function asked(url: URL, ca: string): Promise<string | undefined> {
  return new Promise((done) => {
    const asking = request(url, { ...(ca && { ca }), timeout: 20_000 }, (answer) => {
      answer.resume();
      const { statusCode = 0 } = answer;
      done(statusCode < 500 ? undefined : `status ${statusCode}`);
    });
    asking.once("timeout", () => asking.destroy(new Error("no answer within 20 s")));
    asking.once("error", (error) => done(error.message));
    asking.end();
  });
}
