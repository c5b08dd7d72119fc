import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { dump, load } from "js-yaml";
import { hostNetworks } from "../../components/host-networks";
import { probeKvm } from "../../deploy/kvm-probe";
import { libvirtObjects } from "../../deploy/libvirt-objects";
import { type Cidr, formatAddress, overlaps } from "../../nodes/cidr";
import { TestStack } from "../support/stack";

/** Bad input meets a real update, which ends with its preview: one error with field, value and remedy, no stack trace, nothing made. */
const config = {
  "taiga:machines": { count: 3, kind: "container" },
  "taiga:protectData": false,
  "taiga:network": "10.115.0.0/24",
  "taiga:containers": "10.215.0.0/16",
};
const taigaImages = (back: string) => ({
  back,
  ...Object.fromEntries(["front", "events", "protected"].map((each) => [each, `oci:/nowhere/${each}:1`])),
});
const stack = new TestStack("e2er", config);
const stackFile = join(stack.directory, "Pulumi.e2er.yaml");

interface Refusal {
  readonly what: string;
  readonly config?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  readonly unit?: { file: string; edit: (text: string) => string };
  readonly says: readonly RegExp[];
}

/** A network of a host's that machines could have too; none where there is no way out of it. */
const hosts = hostNetworks().find(
  (each) =>
    !/^(tg|virbr|lo$)/.test(each.interface) &&
    !["127.0.0.0/8", "169.254.0.0/16"].some((own) => overlaps(own, each)),
);
/** A network of a length between two bounds that has the first address of the host's. */
function within({ first, prefixLength }: Cidr, shortest: number, longest: number): string {
  const length = Math.min(Math.max(prefixLength, shortest), longest);
  return `${formatAddress(first - (first % 2 ** (32 - length)))}/${length}`;
}
const overHost: readonly Refusal[] = hosts
  ? [
      {
        what: "a CIDR that overlaps the host's",
        config: { "taiga:network": within(hosts, 24, 27) },
        says: [
          /taiga:network: "\S+" overlaps this host's \S+ \(\S+\); write another private network, such as "\d/,
        ],
      },
      {
        what: "containers' CIDR that overlaps the host's",
        config: { "taiga:containers": within(hosts, 16, 21) },
        says: [
          /taiga:containers: "\S+" overlaps this host's \S+ \(\S+\); write another private network of 65,536 addresses/,
        ],
      },
    ]
  : [];
const kvm = probeKvm();

const refusals: readonly Refusal[] = [
  {
    what: "a CIDR too small",
    config: { "taiga:network": "10.95.0.0/30" },
    says: [/taiga:network/, /10\.95\.0\.0\/30/],
  },
  {
    what: "a CIDR that no machine can have",
    config: { "taiga:network": "127.0.0.0/24" },
    says: [
      /taiga:network: "127\.0\.0\.0\/24" overlaps 127\.0\.0\.0\/8, which .*; write another, such as "10\./,
    ],
  },
  ...overHost,
  {
    what: "memory below what runs the cluster",
    config: { "taiga:machines": { count: 3, kind: "container", memory: 64 } },
    says: [/taiga:machines\.memory/, /64/, /MiB/],
  },
  {
    what: "an unknown image",
    config: { "taiga:machines": { count: 3, kind: "container", image: "slackware" } },
    says: [/taiga:machines\.image/, /slackware/, /debian/],
  },
  {
    what: "an unknown kind",
    config: { "taiga:machines": { count: 3, kind: "baremetal" } },
    says: [/taiga:machines\.kind/, /baremetal/, /container/],
  },
  ...(kvm.works
    ? []
    : [
        {
          what: "KVM where it does not work",
          config: { "taiga:machines": { count: 3, kind: "kvm" } },
          says: [
            /taiga:machines\.kind: "kvm" does not work on this host: .+; write auto, emulated or container/,
          ],
        },
      ]),
  {
    what: "all services on two machines",
    config: { "taiga:machines": { kind: "container" }, "taiga:pools": { only: { count: 2 } } },
    says: [/taiga:services: "all" on two machines/, /write core, or make it 1 or 3 machines/],
  },
  {
    what: "another version of an image, without its checksum",
    config: { "taiga:machines": { kind: "emulated", image: { name: "flatcar", version: "4230.2.4" } } },
    says: [/taiga:machines\.image\.checksum/, /4230\.2\.4/, /\.DIGESTS/],
  },
  {
    what: "what the schema in Pulumi.yaml has another type for",
    config: { "taiga:machines": "three" },
    says: [/taiga:machines/, /must be of type 'object'/],
  },
  {
    what: "a key that nothing reads",
    config: { "taiga:netwrk": "10.95.0.0/24" },
    says: [/taiga:netwrk/, /write one of .*network/],
  },
  {
    what: "node pools that make one machine twice",
    config: {
      "taiga:machines": { kind: "container" },
      "taiga:pools": { db: { count: 2 }, web: { count: 1, first: 2 } },
    },
    says: [/taiga:pools\.web\.first/, /machine 2 a second time/, /write 3/],
  },
  {
    what: "a routed network whose entry would have to move",
    config: { "taiga:link": { mode: "route", bridge: "br0" } },
    says: [/taiga:link\.mode/, /"route"/, /load balancer/],
  },
  {
    what: "containers on another host",
    config: { "libvirt:uri": "qemu+ssh://127.0.0.1:1/system" },
    says: [/taiga:machines\.kind: "container" is for this host alone/, /libvirt:uri is qemu\+ssh/],
  },
  {
    what: "production on one hypervisor, in containers",
    config: { "taiga:production": true, "taiga:protectData": true },
    says: [/taiga:hypervisors/, /all 3 members on libvirt:uri/, /taiga:machines\.kind/, /write kvm/],
  },
  {
    what: "an image of Taiga that is whatever is new",
    config: { "taiga:images": taigaImages("docker://docker.io/taigaio/taiga-back:latest") },
    says: [/taiga:images\.back: "docker:.*:latest" is whatever is new/, /write a version or a digest/],
  },
  {
    what: "images of Taiga that are not there, or that nobody answers for",
    config: { "taiga:images": taigaImages("docker://127.0.0.1:1/taiga/back:6.10.2") },
    says: [
      /taiga:images\.back: .*(cannot be read|takes skopeo)/,
      /taiga:images\.front: "oci:\/nowhere\/front:1" is not on this host/,
    ],
  },
  {
    what: "broken cloud-config",
    config: { "taiga:cloudConfig": "#cloud-config\nwrite_files:\n  - path: relative/path\n    content: x\n" },
    says: [/taiga:cloudConfig/, /write_files\[0\]\.path/, /relative\/path/],
  },
  {
    what: "a pool path that is not writable",
    config: { "taiga:pool": "/proc/taiga" },
    says: [
      /taiga:pool: "\/proc\/taiga" cannot be written \(at \/proc\); write a folder on a disk with room, such as \/var/,
    ],
  },
  {
    what: "a broken unit file",
    unit: { file: "units/taiga-db@.service", edit: (text) => `${text}\nthis is no assignment\n` },
    says: [
      /error: units\/taiga-db@\.service:\d+: "this is no assignment" is no assignment; write Option=value/,
    ],
  },
  {
    what: "a bad X-Fleet combination",
    unit: {
      file: "units/taiga-gateway.service",
      edit: (text) => `${text}\n[X-Fleet]\nMachineOf=taiga-db@1.service\n`,
    },
    says: [
      /error: units\/taiga-gateway\.service:\d+: Global and MachineOf \(line \d+\) .*; take one of the two out/,
    ],
  },
  {
    what: "libvirt that is not reachable",
    config: {
      "libvirt:uri": "qemu+tcp://127.0.0.1:1/system",
      "taiga:machines": { count: 3, kind: "emulated" },
    },
    says: [
      /libvirt:uri: "qemu\+tcp:\/\/127\.0\.0\.1:1\/system" does not answer \(.*\); start libvirtd there or write a URI that answers/,
    ],
  },
];

describe("bad input", { timeout: 20 * 60_000 }, () => {
  let settled: string;
  before(async () => {
    await stack.loadEnvironment();
    settled = readFileSync(stackFile, "utf8");
  });
  after(async () => {
    await stack.pulumi("stack", "rm", "--yes", "--force").catch(() => {});
    stack.removeCheckout();
  });

  for (const refusal of refusals) {
    it(`is refused by the preview of an update: ${refusal.what}`, async () => {
      const document = load(settled) as { config: Record<string, unknown> };
      writeFileSync(stackFile, dump({ ...document, config: { ...document.config, ...refusal.config } }));
      const unit = refusal.unit && join(stack.directory, refusal.unit.file);
      const original = unit && readFileSync(unit, "utf8");
      if (unit && original && refusal.unit) writeFileSync(unit, refusal.unit.edit(original));
      try {
        const update = await stack.start("pulumi", [
          "up",
          "--yes",
          "--stack",
          "e2er",
          "--non-interactive",
          "--color",
          "never",
        ]).finished;
        assert.notEqual(update.code, 0, update.output);
        for (const pattern of refusal.says) assert.match(update.output, pattern);
        assert.doesNotMatch(update.output, /^\s+at .+:\d+:\d+\)?$/m, "a stack trace");
        assert.doesNotMatch(
          update.output,
          /property \S+ value/,
          "all of a value, before what is wrong with it",
        );
        const diagnostics = (update.output.split(/^Diagnostics:$/m)[1] ?? "").split("\n").filter(Boolean);
        assert.deepEqual(
          diagnostics.filter((line, index) => diagnostics.indexOf(line) !== index),
          [],
          "said twice",
        );
      } finally {
        writeFileSync(stackFile, settled);
        if (unit && original) writeFileSync(unit, original);
      }
    });
  }

  for (const [what, given, says] of [
    [
      "an even number of machines",
      { "taiga:machines": { count: 4, kind: "container" } },
      /warning: Pulumi\.e2er\.yaml taiga:machines\.count: 4 is even: .* survives the loss of 1, as one of 3 does; write 3 or 5/,
    ],
    [
      "a pool that other users of the host can read",
      { "taiga:pool": "/opt/taiga-e2er" },
      /warning: Pulumi\.e2er\.yaml taiga:pool: every user .* "\/opt\/taiga-e2er".*chmod 0710/,
    ],
  ] as const) {
    it(`is warned of at preview: ${what}`, async () => {
      const document = load(settled) as { config: Record<string, unknown> };
      writeFileSync(stackFile, dump({ ...document, config: { ...document.config, ...given } }));
      try {
        assert.match(await stack.pulumi("preview"), says);
      } finally {
        writeFileSync(stackFile, settled);
      }
    });
  }

  it("touched nothing", async () => {
    const state = JSON.parse(await stack.pulumi("stack", "export")) as {
      deployment: { resources?: unknown[] };
    };
    assert.equal(state.deployment.resources?.length ?? 0, 0);
    const made = (await libvirtObjects()).filter(({ name }) => name.includes("e2er"));
    assert.deepEqual(made, []);
    for (const folder of ["/var/lib/taiga", "/opt"].filter((each) => existsSync(each)))
      assert.deepEqual(
        readdirSync(folder).filter((each) => each.includes("e2er")),
        [],
      );
  });
});
