import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { cutOff, mend } from "../../faults/network";
import { Client } from "../support/client";
import { underLoad } from "../support/load";
import { interfaceOf, loseMachine, startMachine, startOf } from "../support/machines";
import { fingerprintOf, letsStrangersIn, openPorts, openPortsProgram } from "../support/ports";
import { type Outputs, TestStack } from "../support/stack";

/** What users meet, on container machines: the entry address, TLS, changed settings, and one scheduler, while machines die. */
const stack = new TestStack("e2ea", {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.98.0.0/24",
  "taiga:containers": "10.251.0.0/16",
});
const entry = "10.98.0.5";

let outputs: Outputs;
let client: Client;
const machines = () => outputs.machines.map(({ name }) => name);

/** Runs a command on each machine that answers; by machine. */
async function onEach(command: string, names: readonly string[] = machines()): Promise<Map<string, string>> {
  const answers = await Promise.all(
    names.map(async (name) => [name, await stack.ssh(name, command).catch(() => "")] as const),
  );
  return new Map(answers);
}

const holders = async (names?: readonly string[]): Promise<string[]> =>
  [...(await onEach("ip -o -4 address", names))]
    .filter(([, addresses]) => addresses.includes(` ${entry}/`))
    .map(([name]) => name);

/** Asks again and again until the answer is as wanted; fails with what was last seen. */
async function until<T>(seconds: number, ask: () => Promise<T>, wanted: (seen: T) => boolean): Promise<T> {
  const limit = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await ask().catch((error: Error) => error);
    if (!(seen instanceof Error) && wanted(seen)) return seen;
    if (Date.now() > limit)
      throw new Error(`not within ${seconds} s; last seen: ${JSON.stringify(seen)} ${seen}`);
    await sleep(250);
  }
}

interface Rehearsal {
  readonly instance: string;
  readonly features: Readonly<Record<string, boolean>>;
}

describe("the entry to Taiga", { timeout: 40 * 60_000 }, () => {
  before(async () => {
    await stack.deploy();
    outputs = await stack.outputs();
    client = new Client(outputs, outputs.url);
  });

  after(async () => {
    client?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  it("is one address, on one machine, with a certificate of the stack's CA; plain http leads there", async () => {
    assert.equal(outputs.url, `https://${entry}/`);
    assert.equal((await client.ask("/")).status, 200);
    assert.equal((await holders()).length, 1);
    const plain = await fetch(`http://${entry}/api/v1/?page=2`, { redirect: "manual" });
    assert.deepEqual([plain.status, plain.headers.get("location")], [308, `https://${entry}/api/v1/?page=2`]);
    await assert.rejects(fetch(outputs.url), "a client that does not know the CA must not be content");
    for (const { address } of outputs.machines) {
      const direct = new Client(outputs, `https://${address}/`);
      assert.equal((await direct.ask("/")).status, 200);
      direct.close();
    }
  });

  it("keeps the certificate's key to root", async () => {
    const seen = await onEach(
      "sudo stat -c '%U %a' /run/taiga/tls/tls.pem; sudo docker inspect taiga-gateway; ps -ef",
    );
    for (const [machine, text] of seen) {
      assert.match(text, /^root 600$/m, machine);
      assert.doesNotMatch(text, /PRIVATE KEY/, machine);
    }
    assert.doesNotMatch(await stack.pulumi("stack", "export"), /PRIVATE KEY/);
  });

  it("renews the certificate on running machines", async () => {
    const boots = await onEach(`${startOf}; sudo docker inspect -f '{{.State.StartedAt}}' taiga-gateway`);
    const { fingerprint } = await client.ask("/");
    await stack.pulumi("config", "set", "--path", "taiga:tls.days", "90");
    await stack.pulumi("up", "--yes", "--skip-preview");
    for (const { address } of outputs.machines) {
      await until(
        120,
        async () => {
          const fresh = new Client(outputs, `https://${address}/`, { keepAlive: false });
          return (await fresh.ask("/")).fingerprint;
        },
        (seen) => seen !== fingerprint,
      );
    }
    assert.deepEqual(
      await onEach(`${startOf}; sudo docker inspect -f '{{.State.StartedAt}}' taiga-gateway`),
      boots,
    );
  });

  it("renews what is about to end, of machines and of gateways, on running machines", async () => {
    const served = (address: string) => Promise.all([2379, 443].map((port) => fingerprintOf(address, port)));
    const boots = await onEach(startOf);
    const before = await Promise.all(outputs.machines.map(({ address }) => served(address)));
    const state = JSON.parse(await stack.pulumi("stack", "export")) as {
      deployment: { resources: { type: string; outputs?: Record<string, unknown> }[] };
    };
    const soon = new Date(Date.now() + 3600_000).toISOString();
    let ending = 0;
    for (const { outputs: made } of state.deployment.resources) {
      for (const field of ["certificateNotAfter", "notAfter"]) {
        if (made?.[field] === undefined) continue;
        made[field] = soon;
        ending += 1;
      }
    }
    assert.equal(ending, 4, "three machines and the gateways' one");
    stack.write("ending.json", JSON.stringify(state));
    await stack.pulumi("stack", "import", "--file", "ending.json");
    await stack.pulumi("up", "--yes", "--skip-preview");
    for (const [index, { address }] of outputs.machines.entries()) {
      await until(
        120,
        () => served(address),
        (seen) => seen.every((fingerprint, port) => fingerprint !== before[index]?.[port]),
      );
    }
    assert.deepEqual(await onEach(startOf), boots);
    await stack.pulumi("preview", "--refresh", "--expect-no-changes");
  });

  it("gives a connection on ssh, the gateway and etcd alone, from the host and from a container; etcd to nobody without a certificate", async () => {
    const wanted = [22, 80, 443, 2379, 2380];
    for (const { address } of outputs.machines) {
      assert.deepEqual(await openPorts(address), wanted, `${address} from the host`);
      for (const port of [2379, 2380])
        assert.equal(await letsStrangersIn(address, port), false, `${address}:${port}`);
      const program = Buffer.from(openPortsProgram).toString("base64");
      const scan = `name=$(sudo docker ps --format '{{.Names}}' | grep -m1 taiga-back-) || exit 0
        echo ${program} | base64 -d | sudo docker exec -i -u 0 $name python3 - ${address}`;
      const scans = [...(await onEach(scan)).values()].map((text) => text.trim()).filter(Boolean);
      assert.equal(scans.length, 2, "from both machines with a back");
      for (const found of scans) assert.equal(found, wanted.join(" "), `${address} from a container`);
    }
  });

  it("answers a client whose own port is one that strangers are kept from", async () => {
    for (const localPort of [24009, 25672]) {
      const plain = connectPlain({ host: entry, port: 443, localPort });
      const socket = connect({ socket: plain, host: entry, ca: outputs.caCertificate });
      await once(socket, "secureConnect", { signal: AbortSignal.timeout(10_000) });
      socket.destroy();
    }
  });

  it("drops vxlan and VRRP that come from a container", async () => {
    const dropped = async () => {
      const rules = [...(await onEach("sudo iptables -w -nvxL")).values()].join("\n").split("\n");
      const of = (which: RegExp) =>
        rules
          .filter((rule) => rule.includes(" DROP ") && which.test(rule))
          .reduce((sum, rule) => sum + Number(rule.trim().split(/\s+/)[0]), 0);
      return [of(/ DROP +(17|udp) /), of(/ DROP +(112|vrrp) /)] as const;
    };
    const program = Buffer.from(
      `import socket, sys
for address in sys.argv[1:]:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 64, (address, 8472))
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 112).sendto(b"x" * 20, (address, 0))
`,
    ).toString("base64");
    const addresses = outputs.machines.map(({ address }) => address).join(" ");
    const before = await dropped();
    await onEach(`name=$(sudo docker ps --format '{{.Names}}' | grep -m1 taiga-back-) || exit 0
      echo ${program} | base64 -d | sudo docker exec -i -u 0 $name python3 - ${addresses}`);
    const after = await dropped();
    // From each of two machines to all three, one of them itself.
    for (const [index, protocol] of ["vxlan", "VRRP"].entries())
      assert.ok(
        (after[index] as number) - (before[index] as number) >= 6,
        `${protocol}: ${before} to ${after}`,
      );
  });

  it("takes a feature flag up, one instance after another, with no failed request", async () => {
    await stack.pulumi("config", "set", "--path", "taiga:features.telemetry", "true");
    const preview = await stack.pulumi("preview");
    assert.match(preview, /~ .*\/taiga\/config\/features\/enable_telemetry/);
    assert.match(preview, /~ 1 to update\n\s+\d+ unchanged/);

    await underLoad(outputs, async () => {
      await stack.pulumi("up", "--yes", "--skip-preview");
      const taken = new Set<string>();
      await until(
        300,
        async () => {
          const { instance, features } = await client.json<Rehearsal>("/api/v1/rehearsal");
          if (features.ENABLE_TELEMETRY) taken.add(instance);
          else taken.delete(instance);
          return taken.size;
        },
        (size) => size === 2,
      );
      // Workers and pages have flags too, and whose turn it is holds a lock.
      const settings = "sudo sh -c 'grep -il ^enable_telemetry=true /run/taiga/*.env || true'";
      await until(
        180,
        async () => [...(await onEach(settings)).values()].join("").match(/(back|async|front)-\d\.env/g),
        (found) => new Set(found).size === 6,
      );
      const locks = "sudo etcdctl get --prefix --keys-only /taiga/locks/roll/";
      await until(
        180,
        () => stack.ssh(machines()[0] as string, locks),
        (held) => held.trim() === "",
      );
    });
    await stack.pulumi("preview", "--expect-no-changes");
  });

  it("rolls edited units of five services at once through their instances with no failed request", async () => {
    const services = ["async", "back", "events", "front", "protected"];
    for (const service of services) {
      const path = join(stack.directory, `units/taiga-${service}@.service`);
      const edited = readFileSync(path, "utf8").replace(/^Description=.*$/m, "Description=Edited under load");
      writeFileSync(path, edited);
    }
    await underLoad(outputs, () => stack.pulumi("up", "--yes", "--skip-preview"));
    const active = "systemctl list-units --state=active --plain --no-legend --full 'taiga-*@*'";
    const running = [...(await onEach(active)).values()].join("\n").split("\n");
    assert.deepEqual(
      running.flatMap((line) => /^(\S+) .* Edited under load\s*$/.exec(line)?.[1] ?? []).sort(),
      services.flatMap((service) => [1, 2].map((instance) => `taiga-${service}@${instance}.service`)),
    );
  });

  it("has migrated the database once, though its instances have started several times", async () => {
    const migrations = await client.json<string[]>("/api/v1/migrations");
    const said = [
      ...(await onEach("sudo journalctl -q -o short-iso -u 'taiga-back@*' | grep -i migrat")).values(),
    ];
    assert.equal(migrations.length, 1, `${migrations.join(", ")}\n${said.join("\n")}`);
  });

  it("shows media to who has a good token, and nobody else", async () => {
    await stack.ssh(
      machines()[1] as string,
      "echo a picture | sudo tee /run/taiga/media/tree/picture.txt >/dev/null",
    );
    const key = (
      await stack.ssh(
        machines()[0] as string,
        "sudo etcdctl get --print-value-only /taiga/config/protected/secret_key",
      )
    ).trim();
    const token = (path: string, seconds: number) =>
      `${seconds}:${createHmac("sha256", key).update(`${path}:${seconds}`).digest("hex")}`;
    const now = Math.floor(Date.now() / 1000);
    const ask = async (path: string) => {
      const { status, text } = await client.ask(path);
      return status === 200 ? text.trim() : status;
    };
    assert.equal(await ask(`/media/picture.txt?token=${token("picture.txt", now)}`), "a picture");
    assert.equal(await ask(`/media/picture.txt?token=${token("picture.txt", now - 3600)}`), 403);
    assert.equal(await ask(`/media/picture.txt?token=${token("other.txt", now)}`), 403);
    assert.equal(await ask("/media/picture.txt"), 403);
    assert.equal(await ask("/_protected/picture.txt"), 404);
  });

  it("sends what the workers have done to who listens", async () => {
    const socket = await client.websocket("/events");
    let heard = "";
    socket.on("data", (part: Buffer) => {
      heard += part.toString("latin1");
    });
    await until(
      60,
      async () => heard,
      (text) => /"task": "tick"/.test(text),
    );
    socket.destroy();
  });

  it("has one request wait for a server that fell silent, and then asks it again only when it answers", async () => {
    const instances = async (requests: number): Promise<Set<string>> => {
      const seen = new Set<string>();
      for (let request = 0; request < requests; request += 1)
        seen.add((await client.json<Rehearsal>("/api/v1/rehearsal")).instance);
      return seen;
    };
    const [name] = machines();
    const announced = await stack.ssh(
      name as string,
      "etcdctl get --print-value-only /taiga/services/back/1",
    );
    const { address, machine } = JSON.parse(announced) as { address: string; machine: string };
    const silence = (verb: string) =>
      ["PREROUTING", "OUTPUT"]
        .map((chain) => `sudo iptables -t raw ${verb} ${chain} -d ${address} -p tcp --dport 8000 -j DROP`)
        .join(" && ");
    // A host that is busy has one wait, too: three tries.
    await until(
      3 * 80,
      async () => {
        const waits: number[] = [];
        await stack.ssh(machine, silence("-I"));
        try {
          for (const end = Date.now() + 12_000; Date.now() < end; await sleep(50)) {
            const begun = Date.now();
            await client.json("/api/v1/projects");
            waits.push(Date.now() - begun);
          }
          assert.ok(waits.length > 50, `${waits.length} requests`);
          assert.deepEqual([...(await instances(6))], ["2"]);
        } finally {
          await stack.ssh(machine, silence("-D").replace("&&", ";"));
        }
        await until(
          60,
          () => instances(6),
          (seen) => seen.size === 2,
        );
        return waits.filter((wait) => wait > 1900);
      },
      (long) => long.length === 1 && (long[0] as number) < 4000,
    );
  });

  it("stays through an election of etcd", async () => {
    const [holder] = await holders();
    const leads = async (name: string) => {
      const [{ Status: status }] = JSON.parse(await stack.ssh(name, "etcdctl endpoint status -w json"));
      return status.header.member_id === status.leader ? name : undefined;
    };
    const [leader] = (await Promise.all(machines().map(leads))).filter((name) => name !== undefined);
    assert.ok(leader && holder);
    const other = outputs.machines.find(({ name }) => name !== holder)?.name as string;
    if (leader === holder) {
      const id = await stack.ssh(
        other,
        `etcdctl member list | sed -n 's/^\\([0-9a-f]*\\),.* ${other},.*/\\1/p'`,
      );
      await stack.etcdctl(holder, "move-leader", id.trim());
    }
    const silent = leader === holder ? other : leader;
    // The others elect another after three to six seconds.
    const stopped = stack.ssh(silent, "sudo pkill -STOP -x etcd; sleep 12; sudo pkill -CONT -x etcd");
    let looks = 0;
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(250)) {
      const addresses = await stack.ssh(holder, "ip -o -4 address").catch(() => undefined);
      if (addresses === undefined) continue;
      looks += 1;
      assert.ok(addresses.includes(` ${entry}/`), addresses);
    }
    assert.ok(looks > 3, `${looks} looks`);
    await stopped;
    assert.equal(await leads(silent), undefined, "there was an election");
  });

  it("is soon given up by a machine that was cut off and took it, and its users find the other's", async () => {
    const [holder] = await holders();
    const cut = outputs.machines.find(({ name }) => name !== holder) as Outputs["machines"][number];
    const fresh = () => new Client(outputs, outputs.url, { keepAlive: false });
    const answers = async () => (await fresh().ask("/", { timeoutSeconds: 5 })).status === 200;
    cutOff(`taiga-${stack.name}`, interfaceOf(cut.name, cut.hypervisor));
    try {
      // Those who hear nothing of the holder take the address: this one too.
      await until(
        15,
        () => holders([cut.name]),
        ([first]) => first === cut.name,
      );
      const taken = Date.now();
      await until(
        14,
        () => holders([cut.name]),
        (seen) => seen.length === 0,
      );
      const given = Date.now();
      console.log(`a machine that was cut off had the address for ${((given - taken) / 1000).toFixed(1)} s`);
      await until(8, answers, Boolean);
      for (const end = Date.now() + 12_000; Date.now() < end; await sleep(250))
        assert.deepEqual(await holders([cut.name]), [], "it does not take it again");
      assert.deepEqual(await holders([holder as string]), [holder]);
      assert.ok(await answers());
    } finally {
      mend(`taiga-${stack.name}`);
    }
    await until(
      60,
      () => holders(),
      (seen) => seen.length === 1,
    );
  });

  it("lets the scheduler's turn go elsewhere and come back, and no job runs anew that another has run since", async () => {
    const every = 20_000; // milliseconds from a run to the next: beat.py
    const runs = async (names = machines()) =>
      [...(await onEach("sudo cat /var/lib/data/beat/runs.log 2>/dev/null || true", names)).values()]
        .flatMap((log) => log.split("\n").filter(Boolean))
        .map((line) => Date.parse(line.split(" ")[0] as string))
        .sort((one, other) => one - other);
    const runOf = (names: readonly string[], since: number) =>
      until(
        120,
        () => runs([...names]),
        (seen) => seen.some((at) => at > since),
      );
    const first = await until(60, scheduler, (name) => name !== "");
    const others = machines().filter((name) => name !== first);
    await runOf([first], 0);
    try {
      const away = Date.now();
      await stack.ssh(first, "sudo systemctl stop taiga-beat");
      await runOf(others, away + every); // what the first knows of has been due since
      await onEach("sudo systemctl stop taiga-beat", others);
      await stack.ssh(first, "sudo systemctl start taiga-beat");
      await runOf([first], Date.now());
    } finally {
      await onEach("sudo systemctl start taiga-beat");
    }
    const all = await runs();
    const early = all.slice(1).filter((at, index) => at - (all[index] as number) < every - 100);
    assert.deepEqual(early, [], `runs at ${all.map((at) => new Date(at).toISOString()).join(", ")}`);
  });

  it("moves with the loss of its machine, and one scheduler goes on elsewhere, never two", async () => {
    const measured: string[] = [];
    for (const whose of ["the entry address", "the scheduler"] as const) {
      const [victim] =
        whose === "the scheduler" ? [await until(60, scheduler, (name) => name !== "")] : await holders();
      assert.ok(victim);
      const others = machines().filter((name) => name !== victim);
      const killed = await loseMachine(victim);
      const fresh = new Client(outputs, `https://${entry}/`, { keepAlive: false });
      await until(
        60,
        () => fresh.ask("/api/v1/", { timeoutSeconds: 1 }),
        ({ status }) => status === 200,
      );
      measured.push(`${whose}: answers after ${((Date.now() - killed) / 1000).toFixed(1)} s`);
      await until(
        60,
        () => holders(others),
        (names) => names.length === 1,
      );
      await until(
        120,
        () => lastTick(others),
        (at) => at > killed + 1000,
      );
      measured.push(`ticks after ${((Date.now() - killed) / 1000).toFixed(1)} s`);
      await startMachine(victim);
      await until(
        300,
        () =>
          stack.ssh(
            victim,
            "sudo etcdctl endpoint health 2>&1; systemctl is-active taiga-gateway taiga-beat",
          ),
        (text) => /is healthy[\s\S]*active\nactive/.test(text),
      );
    }
    console.log(measured.join("\n"));
    await sleep(3_000);

    // In order of time the terms must only grow: who has lost the key once ticks no more until it has it again.
    const ticks = [...(await onEach("sudo cat /var/lib/data/beat/ticks.log")).values()]
      .join("")
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ") as [time: string, machine: string, term: string])
      .sort(([one], [other]) => (one < other ? -1 : 1));
    assert.ok(ticks.length > 20, `${ticks.length} ticks`);
    assert.ok(new Set(ticks.map(([, machine]) => machine)).size >= 2);
    const late = ticks.slice(1).filter(([, , term], index) => Number(term) < Number(ticks[index]?.[2]));
    assert.deepEqual(late, [], "ticks of a term that was over");
  });

  /** The machine whose turn it is; empty between two turns. */
  async function scheduler(): Promise<string> {
    const ask = "sudo etcdctl get --print-value-only /taiga/locks/beat";
    return (await stack.ssh(machines()[0] as string, ask)).trim();
  }

  async function lastTick(names: readonly string[]): Promise<number> {
    const lines = [
      ...(await onEach("sudo tail -n1 /var/lib/data/beat/ticks.log 2>/dev/null || true", names)).values(),
    ];
    return Math.max(0, ...lines.map((line) => Date.parse(line.split(" ")[0] ?? "") || 0));
  }
});
