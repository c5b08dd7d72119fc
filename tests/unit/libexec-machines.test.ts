import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Libexec } from "../support/libexec";

const noted = "/var/lib/data/etcd/machines";

let machine: Libexec;
beforeEach(() => {
  machine = new Libexec({ "sleep 5": ":", "-t 0.5": "-t 0.1" });
  machine.program(
    "ip",
    `case "$*" in
      *addr*) echo '2: host0    inet 10.9.0.11/24 brd 10.9.0.255 scope global host0' ;;
      *) printf '%s\\n' 'default via 10.9.0.1 dev host0 proto static' '10.8.7.0/24 via 10.8.7.0 dev flannel.1 onlink' \\
        '10.9.0.0/24 dev host0 proto kernel scope link src 10.9.0.11' ;;
    esac`,
  );
  machine.program("iptables", 'case "$*" in *-L*) exit 1 ;; esac');
  machine.program("iptables-restore", 'cat >>"$ROOT/restored"');
  machine.write("/restored", "");
  machine.write(
    "/var/lib/data/etcd/member.env",
    "ETCD_INITIAL_CLUSTER=m-1=https://10.9.0.11:2380,m-2=https://10.9.0.12:2380\n" +
      "ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER_TOKEN=taiga\n",
  );
});
afterEach(() => machine.remove());

const chain = (...addresses: string[]) =>
  `*filter\n:taiga-machines - [0:0]\n${addresses
    .map((address) => `-A taiga-machines -i host0 -s ${address} -j ACCEPT\n`)
    .join("")}COMMIT\n`;
const member = (address: string, name = "m", learner = false) =>
  `8e9e05c52164694d, ${name ? "started" : "unstarted"}, ${name}, https://${address}:2380, ${name && `https://${address}:2379`}, ${learner}\n`;

/** Stands for an etcd that answers with these lists of members, one after the other, then with the last; an empty one is no answer. */
function etcd(lists: readonly string[], changesOfSubnets: number): void {
  for (const [index, list] of lists.entries()) machine.write(`/members/${index + 1}`, list);
  machine.program(
    "etcdctl",
    `case "$*" in
      get*) echo '"Revision" : 41' ;;
      watch*)
        for ((change = 0; change < ${changesOfSubnets}; change++)); do
          sleep 0.6
          printf 'PUT\\n/coreos.com/network/subnets/10.8.%s.0-24\\n{}\\n' $change
        done
        sleep 0.6 ;;
      member*)
        asked=$(grep -c '^etcdctl member' "$ROOT/calls")
        list="$ROOT/members/$((asked < ${lists.length} ? asked : ${lists.length}))"
        [ -s "$list" ] && cat "$list" ;;
    esac`,
  );
}

describe("the machines that the packet filter accepts", () => {
  it("are at boot, with etcd down, those the machine joined", () => {
    machine.program("etcdctl", "exit 1");
    assert.equal(machine.run("accept-machines", "known").code, 0);
    assert.equal(machine.read("/restored"), chain("10.9.0.11", "10.9.0.12"));
    assert.deepEqual(machine.calls("etcdctl"), []);
  });

  it("are at boot those that etcd had last, where that was noted", () => {
    machine.write(noted, "https://10.9.0.11:2380\nhttps://10.9.0.13:2380\n");
    assert.equal(machine.run("accept-machines", "known").code, 0);
    assert.equal(machine.read("/restored"), chain("10.9.0.11", "10.9.0.13"));
  });

  it("are those the machine joined where the note was cut short by a loss of power", () => {
    machine.write(noted, "");
    assert.equal(machine.run("accept-machines", "known").code, 0);
    assert.equal(machine.read("/restored"), chain("10.9.0.11", "10.9.0.12"));
  });

  it("are never nobody: where none is known the chain is left as it is", () => {
    machine.write("/var/lib/data/etcd/member.env", "");
    assert.notEqual(machine.run("accept-machines", "known").code, 0);
    assert.equal(machine.read("/restored"), "");
  });

  it("are etcd's members, a learner and one that has not started too, and are noted for the next boot", () => {
    etcd([member("10.9.0.11") + member("10.9.0.12", "m-2", true) + member("10.9.0.13", "")], 0);
    machine.run("accept-machines", "follow");
    assert.equal(machine.read("/restored"), chain("10.9.0.11", "10.9.0.12", "10.9.0.13"));
    machine.write("/restored", "");
    machine.run("accept-machines", "known");
    assert.equal(machine.read("/restored"), chain("10.9.0.11", "10.9.0.12", "10.9.0.13"));
  });

  it("become others when a subnet is given or taken, and are written only then", () => {
    const two = member("10.9.0.11") + member("10.9.0.12");
    const three = two + member("10.9.0.13");
    etcd([two, three, three, two], 3);
    machine.run("accept-machines", "follow");
    assert.equal(machine.calls("etcdctl member").length, 4);
    const small = chain("10.9.0.11", "10.9.0.12");
    assert.equal(machine.read("/restored"), small + chain("10.9.0.11", "10.9.0.12", "10.9.0.13") + small);
  });

  it("stay while etcd does not say who its members are, which is asked again", () => {
    etcd(["", member("10.9.0.11") + member("10.9.0.12")], 0);
    machine.run("accept-machines", "follow");
    assert.equal(machine.read("/restored"), chain("10.9.0.11", "10.9.0.12"));
  });
});

describe("restricting ports", () => {
  it("refuses whoever is no machine at the machine's own address", () => {
    assert.equal(machine.run("restrict-ports", "taiga-media", "24009").code, 0);
    assert.equal(
      machine.read("/restored"),
      `*filter
:taiga-media - [0:0]
-A taiga-media -i lo -j ACCEPT
-A taiga-media -j taiga-machines
-A taiga-media -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -d 10.9.0.11 -p tcp -m multiport --dports 24009 -j taiga-media
-I DOCKER-USER -o host0 -d 10.9.0.0/24 -p tcp -m multiport --dports 24009 --syn -j REJECT --reject-with tcp-reset
COMMIT
`,
    );
  });

  for (const [name, ports, protocol, which] of [
    ["taiga-vxlan", "8472", "udp", "-p udp -m multiport --dports 8472"],
    ["taiga-vrrp", "all", "112", "-p 112"],
  ] as const)
    it(`drops what comes to any address of the machine by ${name}`, () => {
      assert.equal(machine.run("restrict-ports", name, ports, protocol).code, 0);
      const rules = machine.read("/restored").split("\n");
      assert.ok(rules.some((rule) => /^-A INPUT +-p/.test(rule) && rule.includes(`${which} -j ${name}`)));
      assert.deepEqual(
        rules.filter((rule) => rule.includes("ACCEPT") || rule.includes("taiga-machines")),
        [`-A ${name} -i lo -j ACCEPT`, `-A ${name} -j taiga-machines`],
      );
    });
});

describe("the containers' network", () => {
  it("is closed to what comes by the machine's own, but for mapped ports and answers", () => {
    assert.equal(machine.run("close-containers", "10.244.0.0/16").code, 0);
    assert.equal(
      machine.read("/restored"),
      `*filter
:taiga-containers - [0:0]
-A taiga-containers -m conntrack --ctstate DNAT,ESTABLISHED,RELATED -j RETURN
-A taiga-containers -j DROP
-A INPUT -i host0 -d 10.244.0.0/16 -j taiga-containers
-I DOCKER-USER -i host0 -d 10.244.0.0/16 -j taiga-containers
COMMIT
`,
    );
  });
});
