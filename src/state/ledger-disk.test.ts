// Disks that refuse: full, read-only, failing. Nothing changes then, except that giving back still works.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anEnvironment, anOperation, aProject, aService, codeOf, ledgerContent } from "../environment/ledger.conformance.ts";
import { reserveBytes } from "./ledger-reserve.ts";
import { openLedger, type SqliteLedger } from "./sqlite-ledger.ts";

let root = "";
let now = 0;
let ledger: SqliteLedger | null = null;
const path = () => join(root, "state", "ledger.sqlite");
const reserve = () => join(root, "state", "ledger.reserve");
const open = () => {
  ledger = openLedger({ path: path(), nowMs: () => now });
  return ledger;
};

function mount(...rest: string[]): boolean {
  return Bun.spawnSync(["mount", ...rest], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

/** Why there can be no disk of our own here; null when there can. */
function whyNoMount(): string | null {
  if (process.platform !== "linux") return "tmpfs is a Linux thing";
  if (process.getuid?.() !== 0) return "mounting needs root";
  const probe = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
  const mounted = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", probe);
  if (mounted) Bun.spawnSync(["umount", probe]);
  rmSync(probe, { recursive: true });
  return mounted ? null : "this machine does not let root mount";
}

const reason = whyNoMount();

function fill(): void {
  const descriptor = openSync(join(root, "filler"), "a");
  const block = Buffer.alloc(4096, 1);
  try {
    while (writeSync(descriptor, block) > 0);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOSPC") throw error;
  } finally {
    closeSync(descriptor);
  }
}

function populate(target: SqliteLedger): void {
  target.insertProject(aProject(1));
  for (let number = 1; number <= 5; number += 1) {
    target.insertEnvironment(anEnvironment(number));
    target.claim({ environmentId: `e${number}`, kind: "port", key: String(number) });
    target.putService(aService("web", { environmentId: `e${number}` }));
    target.beginOperation(anOperation(`o${number}`, { environmentId: `e${number}` }));
  }
}

/** What a rollback does: step by step, then all at once. */
function giveBack(target: SqliteLedger, number: number): void {
  target.advanceOperation(`o${number}`, "rollback", { why: "disk full" });
  for (const lease of target.leases({ environmentId: `e${number}` })) {
    target.updateLease(lease.id, { state: "removing" });
    target.release(lease.id);
  }
  target.transaction(() => {
    target.deleteEnvironment(`e${number}`);
    target.endOperation(`o${number}`);
  });
}

describe.skipIf(reason !== null)(`on a disk of 4 MiB${reason ? ` (skipped: ${reason})` : ""}`, () => {
  beforeEach(() => {
    now = 1_000_000;
    root = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
    if (!mount("-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", root)) throw new Error("cannot mount");
  });
  afterEach(() => {
    ledger?.close();
    ledger = null;
    // Lazily, so that a failed test's open file cannot keep the mount.
    Bun.spawnSync(["umount", "-l", root]);
    rmSync(root, { recursive: true, force: true });
  });

  test("the reserve has real blocks", () => {
    open();
    expect(statSync(reserve()).blocks * 512).toBeGreaterThanOrEqual(reserveBytes);
  });

  test("taking is refused and changes nothing; giving back works; the reserve comes back with the room", () => {
    const target = open();
    populate(target);
    fill();
    const before = ledgerContent(target);
    expect(codeOf(() => target.claim({ environmentId: "e1", kind: "port", key: "9" }))).toBe("ledger_full");
    expect(codeOf(() => target.insertEnvironment(anEnvironment(6)))).toBe("ledger_full");
    expect(codeOf(() => target.putSetting("a", "b".repeat(20_000)))).toBe("ledger_full");
    expect(ledgerContent(target)).toEqual(before);
    expect(existsSync(reserve())).toBe(true);

    giveBack(target, 1);
    expect(existsSync(reserve())).toBe(false);
    expect(target.environments().map((environment) => environment.id)).toEqual(["e2", "e3", "e4", "e5"]);
    target.beginOperation(anOperation("o9", { environmentId: "e2", kind: "delete" }));
    target.deleteService("e2", "web");
    giveBack(target, 2);
    expect(target.operations().map((operation) => operation.id)).toEqual(["o3", "o4", "o5", "o9"]);

    unlinkSync(join(root, "filler"));
    now += 60_000;
    target.endOperation("o9");
    expect(statSync(reserve()).size).toBe(reserveBytes);
    target.claim({ environmentId: "e3", kind: "port", key: "9" });
    const after = ledgerContent(target);
    target.close();
    const again = open();
    expect(again.recovery).toBeNull();
    expect(ledgerContent(again)).toEqual(after);
  });

  test("a transaction that takes and gives is refused whole, and one that only gives is done whole", () => {
    const target = open();
    populate(target);
    fill();
    const before = ledgerContent(target);
    const lease = target.leases({ environmentId: "e1" })[0]!;
    expect(
      codeOf(() =>
        target.transaction(() => {
          target.release(lease.id);
          target.claim({ environmentId: "e2", kind: "port", key: lease.key });
        }),
      ),
    ).toBe("ledger_full");
    expect(ledgerContent(target)).toEqual(before);

    target.transaction(() => {
      target.release(lease.id);
      expect(() =>
        target.transaction(() => {
          target.endOperation("o2");
          throw new Error("not this one");
        }),
      ).toThrow("not this one");
      target.transaction(() => target.endOperation("o1"));
    });
    expect(existsSync(reserve())).toBe(false);
    expect(target.leases({ environmentId: "e1" })).toEqual([]);
    expect(target.operations().map((operation) => operation.id)).toEqual(["o2", "o3", "o4", "o5"]);
  });

  test("the next daemon starts on a full disk and gives back there", () => {
    const target = open();
    populate(target);
    target.close();
    fill();
    const again = open();
    expect(again.recovery).toBeNull();
    for (let number = 1; number <= 5; number += 1) giveBack(again, number);
    again.deleteProject("p1");
    expect(again.projects()).toEqual([]);
  });

  test("a full disk without a ledger is one clear refusal, and leaves nothing but empty files", () => {
    fill();
    expect(codeOf(open)).toBe("ledger_full");
    unlinkSync(join(root, "filler"));
    expect(open().recovery).toBeNull();
  });

  test("a read-only disk is one clear refusal", () => {
    const target = open();
    populate(target);
    target.close();
    expect(mount("-o", "remount,ro", root)).toBe(true);
    expect(codeOf(open)).toBe("ledger_unwritable");
    expect(mount("-o", "remount,rw", root)).toBe(true);
    expect(open().environments()).toHaveLength(5);
  });
});

test.skipIf(process.platform !== "linux")("a write that the system refuses changes nothing (no root needed)", async () => {
  root = mkdtempSync(join(tmpdir(), "worldtree-ledger-"));
  try {
    const target = open();
    populate(target);
    target.close();
    // The file size limit makes writes past 64 KiB fail with EFBIG, which SQLite takes for an I/O error.
    const program = `
      import { anEnvironment, codeOf, ledgerContent } from ${JSON.stringify(join(import.meta.dir, "../environment/ledger.conformance.ts"))};
      import { openLedger } from ${JSON.stringify(join(import.meta.dir, "sqlite-ledger.ts"))};
      const ledger = openLedger({ path: ${JSON.stringify(path())}, nowMs: () => 0 });
      let taken = 0;
      let before = "";
      let code = "";
      while (code === "" && taken < 200) {
        before = JSON.stringify(ledgerContent(ledger));
        try {
          ledger.claim({ environmentId: "e1", kind: "port", key: "more" + taken });
          taken += 1;
        } catch (error) {
          code = error.code;
        }
      }
      console.log(JSON.stringify({ code, taken, same: before === JSON.stringify(ledgerContent(ledger)) }));
      process.exit(0);
    `;
    const shell = `trap '' XFSZ; ulimit -f 128; exec "$0" -e "$1"`;
    const child = Bun.spawn(["sh", "-c", shell, process.execPath, program], { stdout: "pipe", stderr: "pipe", stdin: "ignore" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(err).toBe("");
    const result = JSON.parse(out) as { code: string; taken: number; same: boolean };
    expect(result.code).toMatch(/^ledger_(unwritable|full)$/);
    expect(result.same).toBe(true);
    const again = open();
    expect(again.recovery).toBeNull();
    expect(again.leases({ environmentId: "e1" })).toHaveLength(1 + result.taken);
  } finally {
    ledger?.close();
    rmSync(root, { recursive: true, force: true });
  }
});
