import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ImageService, imageServices } from "../../components/taiga-images";
import { ensureHostPackages, imagePackages } from "../../deploy/host-packages";
import { quoted } from "../../deploy/shell";
import { SshPool } from "../../provider/clients/ssh";
import { parseCredentials } from "../../provider/credentials";
import { ImageFolder } from "../support/images";
import { TestStack } from "../support/stack";
import { unitCommand } from "../support/unit-command";

/**
 * docs/contract.md, on one machine, with the commands of the unit files themselves. TAIGA_CONTRACT_IMAGES, JSON, has a reference of
 * skopeo's for each service; without it the rehearsal's images are checked.
 */
const given = JSON.parse(process.env.TAIGA_CONTRACT_IMAGES ?? "{}") as Partial<Record<ImageService, string>>;
const source = (service: ImageService) => given[service] ?? ImageFolder.archived(service);
const name = (service: ImageService) => `contract/${service}:1`;

const prefix = "taiga-e2ew";
const stack = new TestStack("e2ew", {
  "taiga:prefix": prefix,
  "taiga:machines": { count: 1, kind: "container", memory: 3072 },
  "taiga:protectData": false,
  "taiga:network": "10.113.0.0/24",
  "taiga:containers": "10.213.0.0/16",
});
const machine = { name: `${prefix}-1`, address: "10.113.0.11" };
const host = "127.0.0.1";
/** As the units render it from etcd. */
const environment: Readonly<Record<string, string>> = {
  POSTGRES_DB: "taiga",
  POSTGRES_USER: "taiga",
  POSTGRES_PASSWORD: "rows",
  POSTGRES_HOST: host,
  POSTGRES_PORT: "5432",
  RABBITMQ_USER: "taiga",
  RABBITMQ_PASS: "queues",
  TAIGA_EVENTS_RABBITMQ_HOST: machine.address,
  TAIGA_ASYNC_RABBITMQ_HOST: machine.address,
  TAIGA_SECRET_KEY: "a key",
  SECRET_KEY: "a key",
  MAX_AGE: "360",
  TAIGA_SITES_SCHEME: "https",
  TAIGA_SITES_DOMAIN: "taiga.example.org",
  TAIGA_URL: "https://taiga.example.org",
  TAIGA_WEBSOCKETS_URL: "wss://taiga.example.org",
  WEBHOOKS_ENABLED: "True",
  ENABLE_TELEMETRY: "False",
  EMAIL_BACKEND: "django.core.mail.backends.console.EmailBackend",
};

const username = "ada";
const password = "correct-horse-battery";

let ssh: SshPool;
const run = (command: string) => ssh.succeed(machine, command, { timeoutSeconds: 300 });
const docker = (rest: string) => run(`sudo docker ${rest}`);

/** Starts an image as a unit does. Everything is on the machine's own network here. */
async function start(container: string, service: ImageService, unit: string, more = ""): Promise<void> {
  const { options, program } = unitCommand(unit, `taiga/${service}:rehearsal`);
  await docker(
    `run -d --name ${container} --network host --env-file /tmp/contract.env ${more} ${options} ${name(service)} ${program}`,
  );
}
const logs = (container: string) => run(`sudo docker logs --tail 20 ${container} 2>&1`);
const isRunning = async (container: string) =>
  (await docker(`inspect -f '{{.State.Running}}' ${container}`)).trim() === "true";

/** Asks until the answer has the status. @returns head and body. */
async function answer(container: string, url: string, status = 200, options = ""): Promise<string> {
  let seen = "";
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(500)) {
    seen = await run(`curl -s -i -m 3 ${options} http://${host}:${url} || true`);
    if (seen.startsWith("HTTP/1.1 ") && Number(seen.slice(9, 12)) === status) return seen;
  }
  throw new Error(`${url}: no ${status}, but ${seen.slice(0, 300)}\n${await logs(container)}`);
}

/** Sends something to back. @returns the answer's status, and its body where that is JSON. */
async function post(
  path: string,
  options: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const text = await run(`curl -s -m 60 -w '\\n%{http_code}' ${options} http://${host}:8000/api/v1/${path}`);
  const at = text.lastIndexOf("\n");
  const said = text.slice(0, at);
  return { status: Number(text.slice(at)), body: said.startsWith("{") ? JSON.parse(said) : { said } };
}
const json = (body: object) => `-H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;

/** The first user's token. */
async function logIn(): Promise<string> {
  const { status, body } = await post("auth", json({ type: "normal", username, password }));
  assert.ok(status === 200 && typeof body.auth_token === "string", JSON.stringify(body));
  return body.auth_token;
}

/** Has a container end as its unit does. @returns how it ended. */
async function end(container: string, seconds: number): Promise<number> {
  await docker(`stop -t ${seconds} ${container}`);
  const code = await docker(`inspect -f '{{.State.ExitCode}}' ${container}`);
  await docker(`rm ${container}`);
  return Number(code);
}
const killed = 137;

describe("the contract of Taiga's images", { timeout: 30 * 60_000 }, () => {
  before(async () => {
    await ensureHostPackages({ say: () => {}, log: "/dev/null" }, imagePackages);
    stack.write(
      "index.ts",
      'import { cluster } from "./tests/support/cluster-program";\nexport const ready = cluster.ready.urn;\n',
    );
    await stack.deploy();
    ssh = new SshPool(parseCredentials(await stack.pulumi("config", "get", "taiga:credentials")));
    const data = `/var/lib/taiga/${prefix}/${machine.name}-data`;
    mkdirSync(`${data}/contract`, { recursive: true });
    for (const service of imageServices) {
      const archive = `docker-archive:${data}/contract/${service}.tar:${name(service)}`;
      execFileSync("skopeo", ["--insecure-policy", "copy", "-q", source(service), archive]);
      await docker(`load -q -i /var/lib/data/contract/${service}.tar`);
    }
    const lines = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    await ssh.succeed(machine, "cat >/tmp/contract.env", { input: `${lines.join("\n")}\n` });
    const bin = "/usr/lib/postgresql/15/bin";
    await docker(
      `run -d --name database --network host --user postgres --entrypoint sh taiga/postgres:1 -c '${bin}/initdb -D /tmp/rows -A trust >/dev/null && exec ${bin}/postgres -D /tmp/rows -k /tmp -h ${host}'`,
    );
    await run(
      `sudo mkdir -p /var/lib/contract && sudo docker run -d --name queues --network host --env ADDRESS=${machine.address} --env BROKER_COOKIE=cookie --env-file /tmp/contract.env --tmpfs /run/broker:mode=700 -v /var/lib/contract:/var/lib/rabbitmq taiga/broker:1`,
    );
    const psql = `sudo docker exec database psql -q -h /tmp -U postgres`;
    await run(`for try in $(seq 60); do ${psql} -c 'SELECT 1' >/dev/null 2>&1 && break; sleep 1; done
      ${psql} -c "CREATE ROLE taiga LOGIN PASSWORD 'rows'" && ${psql} -c "CREATE DATABASE taiga OWNER taiga"`);
    await run(
      `for try in $(seq 200); do (: </dev/tcp/${machine.address}/5672) 2>/dev/null && exit; sleep 1; done; exit 1`,
    );
  });

  after(async () => {
    await ssh?.close();
    await stack.pulumi("destroy", "--yes", "--skip-preview");
    stack.removeCheckout();
  });

  it("back: migrates by the command of its unit, and again without harm", async () => {
    const { options, program } = unitCommand("taiga-back@", "taiga/back:rehearsal", "migrate");
    for (const _ of [1, 2])
      await docker(
        `run --rm --network host --env-file /tmp/contract.env ${options} ${name("back")} ${program}`,
      );
  });

  it("back: creates the first user by the command of its unit, and says when there is one of that name", async () => {
    const { options, program } = unitCommand("taiga-back@", "taiga/back:rehearsal", "first-user");
    const first = { USERNAME: username, EMAIL: "ada@example.org", PASSWORD: password };
    const lines = Object.entries(first).map(([key, value]) => `DJANGO_SUPERUSER_${key}=${value}\n`);
    await ssh.succeed(machine, "cat >/tmp/first-user.env", { input: lines.join("") });
    const create = `run --rm --network host --env-file /tmp/contract.env --env-file /tmp/first-user.env ${options} ${name("back")} ${program}`;
    await docker(create);
    assert.match(
      await docker(`${create} 2>&1 || echo failed`),
      /username is already taken[\s\S]*\nfailed$/m,
      "as libexec/first-user looks for it",
    );
    await start("back", "back", "taiga-back@");
    await answer("back", "8000/api/v1/");
    await logIn();
    await docker("rm -f back");
  });

  it("back: serves the API on 8000 as 999, and ends when told to", async () => {
    await start("back", "back", "taiga-back@");
    JSON.parse((await answer("back", "8000/api/v1/")).split("\r\n\r\n")[1] as string);
    assert.ok(
      Array.isArray(
        JSON.parse((await answer("back", "8000/api/v1/projects")).split("\r\n\r\n")[1] as string),
      ),
    );
    const users = await run("sudo docker top back -eo pid,uid | awk 'NR > 1 { print $2 }' | sort -u");
    assert.equal(users.trim(), "999");
    assert.notEqual(await end("back", 10), killed);
  });

  it("back: has what its pages need in /taiga-back/static, and its uploads in /taiga-back/media", async () => {
    await docker(`create --name files ${name("back")}`);
    const listed = await run("sudo docker cp files:/taiga-back/static/. - | tar -t | wc -l");
    await docker("rm files");
    assert.ok(Number(listed) > 1, "files of static");
    assert.equal(
      (await docker(`image inspect -f '{{.Config.WorkingDir}}' ${name("back")}`)).trim(),
      "/taiga-back",
    );
  });

  it("back: works off the queue `tasks` as a worker without a scheduler, and ends when told to", async () => {
    await start("async", "back", "taiga-async@");
    let consumers = "";
    for (
      const until = Date.now() + 60_000;
      Date.now() < until && !/^tasks\s+[1-9]/m.test(consumers);
      await sleep(1000)
    )
      consumers = await docker("exec -u rabbitmq queues rabbitmqctl -q list_queues -p taiga name consumers");
    assert.match(consumers, /^tasks\s+[1-9]/m, await logs("async"));
    assert.doesNotMatch(await docker("top async -eo pid,args"), / -B( |$)|beat/m);
    assert.notEqual(await end("async", 30), killed);
  });

  it("back: is the scheduler, which keeps its schedule where it ends with the container", async () => {
    await run(
      "sudo sh -c 'mkdir -p /var/lib/contract-beat /run/contract && chown 999:999 /var/lib/contract-beat && echo 99999999 7 >/run/contract/until'",
    );
    await start(
      "beat",
      "back",
      "taiga-beat",
      "-v /var/lib/contract-beat:/var/lib/beat -v /run/contract:/run/beat:ro",
    );
    await run(
      'for try in $(seq 60); do [ -z "$(sudo docker exec beat ls /run/schedule)" ] || exit 0; sleep 1; done; echo it keeps nothing there >&2; exit 1',
    );
    await sleep(8_000);
    assert.ok(await isRunning("beat"), await logs("beat"));
    await docker("rm -f beat");
  });

  it("front: serves the pages on 80, with conf.json as the environment says", async () => {
    await run("printf 'PUBLIC_REGISTER_ENABLED=true\\n' >>/tmp/contract.env");
    await start("front", "front", "taiga-front@");
    assert.match(await answer("front", "80/"), /<html/i);
    assert.match(await answer("front", "80/project/some/backlog"), /<html/i);
    const conf = JSON.parse((await answer("front", "80/conf.json")).split("\r\n\r\n")[1] as string) as object;
    const wanted = {
      api: "https://taiga.example.org/api/v1/",
      eventsUrl: "wss://taiga.example.org/events",
      publicRegisterEnabled: true,
    };
    assert.deepEqual({ ...conf, ...wanted }, conf);
    assert.notEqual(await end("front", 10), killed);
  });

  it("events: opens websockets at 8888/events, says at 3023/healthz that it has the broker, and keeps one connection", async () => {
    await start("events", "events", "taiga-events@");
    await answer("events", "3023/healthz");
    const upgrade = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: YSBrZXkgb2YgMTYgYnl0ZQ==",
    ];
    await answer("events", "8888/events", 101, upgrade.map((line) => `-H '${line}'`).join(" "));
    const pid = (await docker("inspect -f '{{.State.Pid}}' events")).trim();
    assert.match(
      await run(`cat /proc/${pid}/net/tcp /proc/${pid}/net/tcp6`),
      /:1628 01 /,
      "as watch-events looks for it",
    );
    await docker("rm -f events");
  });

  it("protected: gives nothing on 8003 to who has no token, or a wrong one", async () => {
    await start("protected", "protected", "taiga-protected@");
    for (const token of ["", "?token=1:2"])
      await answer("protected", `8003/attachments/a/b/c/d/e/f.png${token}`, 403);
    assert.notEqual(await end("protected", 10), killed);
  });

  it("protected: sends who has the url that back gives for an upload to where the gateway has it", async () => {
    await run("sudo sh -c 'mkdir -p /var/lib/contract-media && chown 999:999 /var/lib/contract-media'");
    await start("back", "back", "taiga-back@", "-v /var/lib/contract-media:/taiga-back/media");
    await answer("back", "8000/api/v1/");
    const bearer = `-H 'Authorization: Bearer ${await logIn()}'`;
    const made = async (path: string, options: string) => {
      const { status, body } = await post(path, `${bearer} ${options}`);
      assert.equal(status, 201, `${path}: ${JSON.stringify(body)}`);
      return body;
    };
    // Taiga's uploads belong to something of a project; the rehearsal has no projects.
    const { status, body: project } = await post(
      "projects",
      `${bearer} ${json({ name: "contract", description: "of the images" })}`,
    );
    assert.ok(status === 201 || status === 404, `${status} ${JSON.stringify(project)}`);
    const story = await made("userstories", json({ subject: "contract", project: project.id }));
    const owner = status === 201 ? `-F project=${project.id} -F object_id=${story.id}` : "";
    await run("echo contract >/tmp/contract.txt");
    const { url } = await made("userstories/attachments", `${owner} -F attached_file=@/tmp/contract.txt`);
    const { pathname, search } = new URL(String(url));
    const path = pathname.replace("/media/", "");
    assert.equal(await run(`sudo cat ${quoted(`/var/lib/contract-media/${path}`)}`), "contract\n");

    await start("protected", "protected", "taiga-protected@");
    const head = await answer("protected", quoted(`8003/${path}${search}`));
    assert.equal(/^X-Accel-Redirect: (\S+)\r$/im.exec(head)?.[1], `/_protected/${path}`);
    await answer("protected", quoted(`8003/${path}${search}0`), 403);
    await docker("rm -f protected back");
  });
});
