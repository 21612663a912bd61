import { expect, test } from "bun:test";
import { daemonFinding } from "./daemon-check.ts";

test("a daemon of this version is fine, one of another has a cause and a command", () => {
  expect(daemonFinding({ version: "1.0.0", pid: 7 }, "1.0.0")).toMatchObject({ code: "daemon", level: "ok" });
  const finding = daemonFinding({ version: "0.9.0", pid: 7 }, "1.0.0");
  expect(finding).toMatchObject({ code: "daemon_version", level: "warning", fix: "wt daemon stop" });
  expect(finding.message).toContain("of version 0.9.0, this command of 1.0.0");
});
