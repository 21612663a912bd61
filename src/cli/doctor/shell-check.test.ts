import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { observeShell } from "./shell-check.ts";

test("shell integration that is missing has the line that brings it, and is fine once it is there", async () => {
  const home = mkdtempSync(join(tmpdir(), "wt-home-"));
  const look = async () => (await observeShell({ HOME: home, SHELL: "/bin/bash", PATH: "" }))[0];
  try {
    expect(await look()).toMatchObject({ code: "shell_integration_missing", fix: 'Add to ~/.bashrc: eval "$(wt shell-init bash)"' });
    writeFileSync(join(home, ".bashrc"), 'eval "$(wt shell-init bash)"\n');
    expect(await look()).toMatchObject({ code: "shell_integration", level: "ok" });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
