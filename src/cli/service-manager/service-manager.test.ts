import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launchdPlist } from "./launchd-plist.ts";
import { installService, uninstallService } from "./service-manager.ts";
import { systemdQuoted, systemdUnit } from "./systemd-unit.ts";

test("a systemd unit that leaves the services alone", () => {
  expect(systemdUnit(["/opt/wt dir/wt", "daemon", "run"], { PATH: "/bin:/usr/bin", HOME: "/home/a b" })).toMatchInlineSnapshot(`
    "[Unit]
    Description=worldtree: an environment for every git worktree

    [Service]
    Type=exec
    ExecStart="/opt/wt dir/wt" daemon run
    Environment=PATH=/bin:/usr/bin
    Environment="HOME=/home/a b"
    Restart=on-failure
    RestartSec=1
    KillMode=process

    [Install]
    WantedBy=default.target
    "
  `);
});

test("words of a unit are quoted against specifiers, variables and spaces", () => {
  expect([systemdQuoted("plain/x-1"), systemdQuoted('50% "of" $X\\'), systemdQuoted("")]).toEqual([
    "plain/x-1",
    '"50%% \\"of\\" $$X\\\\"',
    '""',
  ]);
});

test("a launchd plist", () => {
  const plist = launchdPlist(["/a&b/wt", "daemon", "run"], { env: { PATH: "/bin" }, logPath: "/state/daemon.log" });
  expect(plist).toContain("<string>/a&amp;b/wt</string>\n    <string>daemon</string>\n    <string>run</string>");
  expect(plist).toContain("<key>AbandonProcessGroup</key>\n  <true/>");
});

test("install and uninstall say what they did, with and without a systemd that answers", async () => {
  const home = mkdtempSync("/tmp/wt-unit-");
  try {
    const calls = join(home, "calls");
    mkdirSync(join(home, "bin"));
    const env = { HOME: home, PATH: `${join(home, "bin")}:/nowhere`, XDG_STATE_HOME: join(home, "state") };
    const without = await installService(env, "linux");
    expect(without.active).toBe(false);
    expect(without.steps[1]).toContain("systemctl --user enable --now worldtree.service");
    const unit = readFileSync(without.file, "utf8");
    expect(unit).toContain(`Environment=XDG_STATE_HOME=${env.XDG_STATE_HOME}\n`);
    expect(unit).toMatch(/^ExecStart=\S+.*daemon run$/m);

    writeFileSync(join(home, "bin/systemctl"), `#!/bin/sh\necho "$@" >> ${calls}\n`);
    chmodSync(join(home, "bin/systemctl"), 0o755);
    expect(await installService(env, "linux")).toMatchObject({ manager: "systemd", active: true });
    expect(await uninstallService(env, "linux")).toMatchObject({ active: true });
    expect(existsSync(without.file)).toBe(false);
    expect((await uninstallService(env, "linux")).steps[0]).toContain("nothing to do");
    expect(readFileSync(calls, "utf8").split("\n").filter(Boolean)).toEqual([
      "--user daemon-reload",
      "--user enable --now worldtree.service",
      "--user disable --now worldtree.service",
      "--user daemon-reload",
    ]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
