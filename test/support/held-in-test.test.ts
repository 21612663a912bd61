import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Its first attempt hangs, the second is quick: what the first held must be gone before the second begins. */
const attempts = `
  import { test } from "bun:test";
  import { holdInTest } from ${JSON.stringify(join(import.meta.dir, "held-in-test.ts"))};
  let attempt = 0;
  test("hangs at first", async () => {
    attempt++;
    const mine = attempt;
    console.log("attempt " + mine);
    const older = holdInTest(() => console.log("given up: older " + mine));
    const newer = holdInTest(() => console.log("given up: newer " + mine));
    if (mine === 1) await new Promise(() => undefined);
    newer.release();
    older.release();
  }, 200);
`;

test("what a test holds whose time is over is given up before its next attempt, the newest first", async () => {
  const directory = mkdtempSync(join(tmpdir(), "wt-held-"));
  try {
    const path = join(directory, "attempts.test.ts");
    writeFileSync(path, attempts);
    // From here, so that the hooks of `bunfig.toml` are the ones that are tried.
    const cwd = join(import.meta.dir, "../..");
    const child = Bun.spawn([process.execPath, "test", "--retry=1", path], { cwd, stdout: "pipe", stderr: "pipe", stdin: "ignore" });
    const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    expect({ code, passed: /1 pass/.test(stderr) }).toEqual({ code: 0, passed: true });
    expect(stdout.split("\n").filter((line) => /^(attempt|given up)/.test(line))).toEqual([
      "attempt 1",
      "given up: newer 1",
      "given up: older 1",
      "attempt 2",
    ]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
