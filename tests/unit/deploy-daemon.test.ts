import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { daemonCommand } from "../../deploy/daemon";
import { onPath } from "../../deploy/host-packages";
import { until } from "../support/until";

describe("a daemon where nothing manages services", { skip: !onPath("tini") && "no tini here" }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "taiga-daemon-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("outlives its start, writes to its log, and what it leaves running is waited for", async () => {
    const at = (name: string) => join(folder, name);
    const read = (name: string) => readFileSync(at(name), "utf8").trim();
    const awaits = (name: string) => `until [ -e ${at(name)} ] || [ ! -d ${folder} ]; do sleep 0.1; done\n`;
    writeFileSync(at("left.sh"), `echo $$ >${at("left")}\n${awaits("end")}`);
    // What it leaves running loses its parent, as a QEMU does that libvirtd has started.
    writeFileSync(at("daemon.sh"), `echo began\nsh -c 'sh ${at("left.sh")} &'\n${awaits("stop")}`);
    execFileSync(...daemonCommand(["sh", at("daemon.sh")], at("log")));
    await until(
      "what it leaves running",
      20,
      async () => (existsSync(at("left")) && read("left") !== "") || undefined,
    );
    assert.equal(read("log"), "began");
    const left = `/proc/${read("left")}`;
    const tini = await until("tini as its parent", 20, async () => {
      const [, pid] = /PPid:\s+(\d+)/.exec(readFileSync(`${left}/status`, "utf8")) as RegExpExecArray;
      return readFileSync(`/proc/${pid}/comm`, "utf8") === "tini\n" ? `/proc/${pid}` : undefined;
    });
    assert.equal(readlinkSync(`${tini}/cwd`), "/");
    writeFileSync(at("end"), "");
    await until("its end", 20, async () => !existsSync(left) || undefined);
    writeFileSync(at("stop"), "");
    await until("the daemon's end", 20, async () => !existsSync(tini) || undefined);
  });
});
