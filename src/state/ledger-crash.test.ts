// A writer killed with SIGKILL at any instant leaves what it had acknowledged, and nothing half done.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLedger } from "./sqlite-ledger.ts";

const root = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Creates and deletes environments in transactions, and prints the number of each one after its commit. */
const writer = (path: string, from: number) => `
  import { writeSync } from "node:fs";
  import { anEnvironment, anOperation, aProject, aService } from ${JSON.stringify(join(import.meta.dir, "../environment/ledger.conformance.ts"))};
  import { openLedger } from ${JSON.stringify(join(import.meta.dir, "sqlite-ledger.ts"))};
  const ledger = openLedger({ path: ${JSON.stringify(path)}, nowMs: () => Date.now() });
  if (ledger.recovery) throw new Error(ledger.recovery);
  if (!ledger.project("p1")) ledger.insertProject(aProject(1));
  for (let number = ${from}; ; number += 1) {
    ledger.transaction(() => {
      ledger.insertEnvironment(anEnvironment(number));
      ledger.claim({ environmentId: "e" + number, kind: "port", key: String(number) });
      ledger.claim({ environmentId: "e" + number, kind: "worktree", key: "/w/" + number });
      ledger.putService(aService("web", { environmentId: "e" + number }));
      ledger.putSetting("last", String(number));
    });
    if (number % 2 === 0) {
      ledger.transaction(() => {
        for (const lease of ledger.leases({ environmentId: "e" + number })) ledger.release(lease.id);
        ledger.deleteEnvironment("e" + number);
      });
    }
    writeSync(1, number + "\\n");
  }
`;

test("kill -9 in the middle of writing, again and again", async () => {
  const path = join(root, "ledger.sqlite");
  let next = 1;
  /** Even ones whose writer was killed before their deletion: no later one comes back to them. */
  const interrupted = new Set<number>();
  for (let round = 1; round <= 8; round += 1) {
    const child = Bun.spawn([process.execPath, "-e", writer(path, next)], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    let printed = "";
    const enough = round * 7;
    for await (const chunk of child.stdout) {
      printed += new TextDecoder().decode(chunk);
      if (printed.split("\n").length > enough) child.kill("SIGKILL");
    }
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    const acknowledged = Number(printed.trim().split("\n").at(-1));

    const ledger = openLedger({ path, nowMs: () => Date.now() });
    expect(ledger.recovery).toBeNull();
    const last = Number(ledger.setting("last"));
    expect(last).toBeGreaterThanOrEqual(acknowledged);
    expect(last).toBeLessThanOrEqual(acknowledged + 1);
    const numbers = ledger.environments().map((environment) => environment.slot);
    const whole = Array.from({ length: last }, (_, index) => index + 1).filter((number) => number % 2 === 1 || numbers.includes(number));
    expect(numbers).toEqual(whole);
    if (last % 2 === 0 && numbers.includes(last)) interrupted.add(last);
    expect(numbers.filter((number) => number % 2 === 0)).toEqual([...interrupted]);
    for (const number of numbers) {
      expect(ledger.leases({ environmentId: `e${number}` }).map((lease) => lease.key)).toEqual([String(number), `/w/${number}`]);
      expect(ledger.services({ environmentId: `e${number}` })).toHaveLength(1);
    }
    expect(ledger.leases()).toHaveLength(numbers.length * 2);
    ledger.close();
    next = last + 1;
  }
}, 60_000);
