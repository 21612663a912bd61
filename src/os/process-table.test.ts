import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseProcStat, parsePsTable, readProcess, readProcessTable } from "./process-table.ts";

describe("parseProcStat", () => {
  const rest = "4 5 6 0 -1 4194304 9 0 0 0 0 0 0 0 20 0 1 0 154900 524288 33 18446744073709551615 0 0 0";

  test("reads number, parents, start time and memory", () => {
    expect(parseProcStat(`77 (bun) S ${rest}`, 4096)).toEqual({
      pid: 77,
      ppid: 4,
      pgid: 5,
      sid: 6,
      startTime: 154900,
      alive: true,
      halted: false,
      rssBytes: 33 * 4096,
      name: "bun",
    });
  });

  test("takes any name: spaces, parentheses, newlines, digits", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), (name) => {
        expect(parseProcStat(`77 (${name}) R ${rest}\n`, 4096)).toMatchObject({ pid: 77, name, startTime: 154900 });
      }),
    );
  });

  test("zombies are not alive, unless other threads of theirs work on; stopped and traced ones are halted", () => {
    const alive = (state: string, threads: number) =>
      parseProcStat(`77 (x) ${state} ${rest.replace("20 0 1 0", `20 0 ${threads} 0`)}`, 4096);
    expect(alive("Z", 1)?.alive).toBe(false);
    expect(alive("X", 1)?.alive).toBe(false);
    expect(alive("Z", 3)?.alive).toBe(true);
    expect(alive("T", 1)).toMatchObject({ alive: true, halted: true });
    expect(alive("t", 1)).toMatchObject({ alive: true, halted: true });
  });

  test("never fails, and gives null for what is not one", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseProcStat(text, 4096)));
    for (const text of ["", "77", "77 (x)", "77 (x) S 1 2", `(x) S ${rest}`, `77 (x) 5 ${rest}`])
      expect(parseProcStat(text, 4096)).toBeNull();
  });
});

describe("parsePsTable", () => {
  const text = [
    "    1     0     1 Ss    12345 Tue Mar  4 09:05:01 2025 /sbin/launchd",
    "  812     1   812 Z         0 Wed Dec 31 23:59:59 2025 (node)",
    "  900   812   812 T+     2048 Wed Dec 31 23:59:59 2025 /Applications/My App.app/Contents/MacOS/My App",
    "not a line",
    "",
  ].join("\n");

  test("reads what ps prints, with the group in place of the session", () => {
    expect(parsePsTable(text)).toEqual([
      {
        pid: 1,
        ppid: 0,
        pgid: 1,
        sid: 1,
        startTime: Date.UTC(2025, 2, 4, 9, 5, 1) / 1000,
        alive: true,
        halted: false,
        rssBytes: 12345 * 1024,
        name: "launchd",
      },
      { pid: 812, ppid: 1, pgid: 812, sid: 812, startTime: 1767225599, alive: false, halted: false, rssBytes: 0, name: "(node)" },
      { pid: 900, ppid: 812, pgid: 812, sid: 812, startTime: 1767225599, alive: true, halted: true, rssBytes: 2048 * 1024, name: "My App" },
    ]);
  });

  test("never fails", () => {
    fc.assert(fc.property(fc.string(), (line) => void parsePsTable(line)));
  });
});

describe("the machine's own table", () => {
  test("knows this process and its memory", async () => {
    const self = await readProcess(process.pid);
    expect(self).toMatchObject({ pid: process.pid, ppid: process.ppid, alive: true, halted: false });
    const { rssBytes } = self as { rssBytes: number };
    expect(rssBytes).toBeGreaterThan(process.memoryUsage.rss() / 2);
    expect(rssBytes).toBeLessThan(process.memoryUsage.rss() * 2);
    expect((await readProcessTable()).map((info) => info.pid)).toContain(process.pid);
  });

  test("a number that nobody has is gone", async () => {
    expect(await readProcess(2 ** 30)).toBe("gone");
  });

  test("a child that was halted shows it, and a dead one is gone once it is reaped", async () => {
    const child = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
    child.kill("SIGSTOP");
    let halted = false;
    while (!halted) halted = ((await readProcess(child.pid)) as { halted: boolean }).halted;
    child.kill("SIGKILL");
    await child.exited;
    expect(await readProcess(child.pid)).toBe("gone");
  });
});
