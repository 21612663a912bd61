import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { eventually } from "../../runtime/runtime-driver.conformance.ts";
import { systemClock } from "../clock.ts";
import { createLogFiles, type LogFiles } from "./log-files.ts";
import type { LogEntry } from "./log-reader.ts";

let directory: string;
let path: string;
let logs: LogFiles;
const rotateBytes = 4000;

const open = () => createLogFiles({ clock: systemClock, rotateBytes });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wt-log-"));
  path = join(directory, "web.log");
  logs = open();
});
afterEach(() => {
  logs.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Options {
  tail?: number;
  sinceMs?: number;
}

async function read(options: Options = {}): Promise<LogEntry[]> {
  const query = { logPath: path, tail: options.tail ?? null, sinceMs: options.sinceMs ?? null, follow: false };
  return Array.fromAsync(logs.read(query, AbortSignal.timeout(10_000)));
}

const linesOf = async (options?: Options) => (await read(options)).map((entry) => entry.line);

function follow(options: Options = {}) {
  const abort = new AbortController();
  const seen: LogEntry[] = [];
  const query = { logPath: path, tail: options.tail ?? null, sinceMs: options.sinceMs ?? null, follow: true };
  const done = (async () => {
    for await (const entry of logs.read(query, abort.signal)) seen.push(entry);
  })();
  return {
    seen,
    lines: () => seen.map((entry) => entry.line),
    async stop() {
      abort.abort();
      await done;
    },
  };
}

const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `line ${from + at}`);
const write = (lines: string[]) => appendFileSync(path, lines.map((line) => `${line}\n`).join(""));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("reading", () => {
  test("tail and since agree with reading everything", async () => {
    const line = fc.string({ maxLength: 8 }).map((text) => text.replace(/[\r\n]/g, "").toWellFormed());
    const lines = fc.array(line, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ before: lines, after: lines, ended: fc.boolean(), tail: fc.nat(15) }),
        async ({ before, after, ended, tail }) => {
          writeFileSync(`${path}.1`, before.map((each) => `${each}\n`).join(""));
          writeFileSync(path, after.map((each) => `${each}\n`).join("") + (ended ? "" : "tail"));
          const all = [...before, ...after, ...(ended ? [] : ["tail"])];
          expect(await linesOf()).toEqual(all);
          expect(await linesOf({ tail })).toEqual(tail === 0 ? [] : all.slice(-tail));
          expect(await linesOf({ sinceMs: Date.now() + 60_000 })).toEqual([]);
          expect(await linesOf({ sinceMs: 1 })).toEqual(all);
          rmSync(`${path}.times`, { force: true });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("lines have the time at which they came: between their writing and the next look", async () => {
    writeFileSync(path, "");
    logs.serviceStarted(path);
    const writtenMs: number[] = [];
    const seenMs: number[] = [];
    for (const line of numbered(0, 5)) {
      writtenMs.push(Date.now());
      write([line]);
      await eventually(async () => expect(readFileSync(`${path}.times`, "utf8")).toContain(` ${statSync(path).size}\n`));
      seenMs.push(Date.now());
      // The next one is of another millisecond.
      await pause(5);
    }
    const entries = await read();
    expect(entries).toHaveLength(5);
    for (const [at, { timeMs }] of entries.entries()) {
      expect(timeMs - writtenMs[at]!).toBeGreaterThanOrEqual(-1);
      expect(timeMs).toBeLessThanOrEqual(seenMs[at]!);
    }
    expect((await read({ sinceMs: writtenMs[3]! })).map((entry) => entry.line)).toEqual(["line 3", "line 4"]);
  });

  test("what came while nobody watched lies between the last look and the file's own time", async () => {
    writeFileSync(path, "");
    logs.serviceStarted(path);
    write(["watched"]);
    await eventually(async () => expect(readFileSync(`${path}.times`, "utf8")).toContain(" 8\n"));
    const lookedMs = Date.now();
    logs.close();
    write(["unwatched 1", "unwatched 2"]);
    const modifiedMs = lookedMs + 60_000;
    utimesSync(path, new Date(modifiedMs), new Date(modifiedMs));
    logs = open();
    const [first, second, third] = await read();
    expect(first!.timeMs).toBeLessThanOrEqual(lookedMs);
    expect(second!.timeMs).toBeGreaterThan(first!.timeMs + 20_000);
    expect(third!.timeMs).toBe(modifiedMs);
  });

  test("a torn or foreign index costs times at most", async () => {
    write(numbered(0, 5));
    writeFileSync(`${path}.times`, "1700000000000 7\n17000000");
    expect(await linesOf()).toEqual(numbered(0, 5));
    logs.close();
    writeFileSync(`${path}.times`, "\u0000garbage 99999999999 ~~\n5 99999999\n");
    logs = open();
    expect(await linesOf()).toEqual(numbered(0, 5));
  });
});

describe("following", () => {
  test("an unfinished line waits for its end, or for the end of its service", async () => {
    writeFileSync(path, "");
    logs.serviceStarted(path);
    const following = follow();
    appendFileSync(path, "be");
    await pause(150);
    expect(following.lines()).toEqual([]);
    appendFileSync(path, "gin\nPanic without newline");
    await eventually(async () => expect(following.lines()).toEqual(["begin"]));
    logs.serviceEnded(path);
    await eventually(async () => expect(following.lines()).toEqual(["begin", "Panic without newline"]));
    appendFileSync(path, "\nnext\n");
    await eventually(async () => expect(following.lines()).toEqual(["begin", "Panic without newline", "next"]));
    await following.stop();
  });

  test("begins with the last lines", async () => {
    write(numbered(0, 10));
    const following = follow({ tail: 2 });
    await eventually(async () => expect(following.lines()).toEqual(numbered(8, 10)));
    write(numbered(10, 12));
    await eventually(async () => expect(following.lines()).toEqual(numbered(8, 12)));
    await following.stop();
  });

  test("a slow reader loses nothing of a burst", async () => {
    writeFileSync(path, "");
    const abort = new AbortController();
    const iterator = logs.read({ logPath: path, tail: null, sinceMs: null, follow: true }, abort.signal);
    const first = iterator.next();
    write(numbered(0, 300));
    const seen = [(await first).value as LogEntry];
    while (seen.length < 300) {
      await pause(seen.length % 100 === 0 ? 20 : 0);
      seen.push((await iterator.next()).value as LogEntry);
    }
    expect(seen.map((entry) => entry.line)).toEqual(numbered(0, 300));
    abort.abort();
    expect((await iterator.next()).done).toBe(true);
  });

  test("goes on when somebody else truncates, deletes or replaces the log", async () => {
    write(["one", "two"]);
    const following = follow();
    await eventually(async () => expect(following.lines()).toEqual(["one", "two"]));
    truncateSync(path, 0);
    await pause(100);
    write(["three"]);
    await eventually(async () => expect(following.lines()).toEqual(["one", "two", "three"]));
    rmSync(path);
    await pause(100);
    write(["four"]);
    await eventually(async () => expect(following.lines()).toEqual(["one", "two", "three", "four"]));
    await following.stop();
  });
});

describe("rotation", () => {
  test("a log that has grown too long moves on; its writer, its readers and the times follow", async () => {
    const writer = openSync(path, "a");
    logs.serviceStarted(path);
    const following = follow();
    const all = numbered(0, 1500);
    for (let at = 0; at < all.length; at += 50) {
      writeSync(
        writer,
        all
          .slice(at, at + 50)
          .map((line) => `${line}\n`)
          .join(""),
      );
      await pause(5);
    }
    closeSync(writer);
    await eventually(async () => expect(following.lines()).toHaveLength(all.length));
    expect(following.lines()).toEqual(all);
    for (const [at, entry] of following.seen.entries()) expect(entry.timeMs).toBeGreaterThanOrEqual(following.seen[at - 1]?.timeMs ?? 0);
    await eventually(async () => expect(existsSync(`${path}.1`)).toBe(true));
    await eventually(async () => expect(statSync(path).size).toBeLessThanOrEqual(rotateBytes));
    const kept = await linesOf();
    expect(kept).toEqual(all.slice(-kept.length));
    expect(kept.length * 10).toBeGreaterThan(rotateBytes);
    await following.stop();
  });

  test("lines that a rotation cuts stay whole", async () => {
    writeFileSync(path, "");
    logs.serviceStarted(path);
    const following = follow();
    const long = `${"x".repeat(rotateBytes)} first half`;
    appendFileSync(path, long);
    await eventually(async () => expect(existsSync(`${path}.1`)).toBe(true));
    appendFileSync(path, " second half\nnext\n");
    await eventually(async () => expect(following.lines()).toEqual([`${long} second half`, "next"]));
    await following.stop();
    expect(await linesOf()).toEqual([`${long} second half`, "next"]);
    expect(await linesOf({ tail: 2 })).toEqual([`${long} second half`, "next"]);
    expect(await linesOf({ tail: 1 })).toEqual(["next"]);
  });

  test("of a log that grew far too long while nobody watched, the end is kept", async () => {
    const all = numbered(0, 5000);
    write(all);
    logs.serviceStarted(path);
    await eventually(async () => expect(statSync(path).size).toBe(0));
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(rotateBytes);
    const kept = await linesOf();
    expect(kept.length).toBeGreaterThan(rotateBytes / 12);
    expect(kept).toEqual(all.slice(-kept.length));
  });

  test("a crash at any step of a rotation loses and doubles nothing", async () => {
    const old = numbered(0, 100);
    const text = old.map((line) => `${line}\n`).join("");
    const arrange: Record<string, () => void> = {
      "before anything was copied": () => writeFileSync(path, text),
      "during the copy": () => {
        writeFileSync(path, text);
        writeFileSync(`${path}.1.tmp`, text.slice(0, 333));
      },
      "after the copy": () => {
        writeFileSync(path, text);
        writeFileSync(`${path}.1.tmp`, text);
      },
      "after the truncation": () => {
        writeFileSync(path, "");
        writeFileSync(`${path}.1.tmp`, text);
        writeFileSync(`${path}.times`, `1700000000000 ${text.length}\n`);
      },
      "after the index was moved": () => {
        writeFileSync(path, "");
        writeFileSync(`${path}.1.tmp`, text);
        writeFileSync(`${path}.1.times`, `1700000000000 ${text.length}\n`);
      },
    };
    for (const [step, make] of Object.entries(arrange)) {
      logs.remove(path);
      make();
      logs.close();
      logs = open();
      write(["new"]);
      expect({ step, lines: await linesOf() }).toEqual({ step, lines: [...old, "new"] });
      expect(existsSync(`${path}.1.tmp`)).toBe(false);
      if (step.startsWith("after the t") || step.startsWith("after the i")) expect((await read())[0]?.timeMs).toBe(1_700_000_000_000);
    }
  });

  test("what lies beside a log is private, and removed with it", async () => {
    write(numbered(0, 1000));
    logs.serviceStarted(path);
    await eventually(async () => expect(existsSync(`${path}.1.times`)).toBe(true));
    const beside = readdirSync(directory).filter((name) => name !== "web.log");
    expect(beside.map((name) => statSync(join(directory, name)).mode & 0o777)).toEqual(beside.map(() => 0o600));
    logs.serviceEnded(path);
    logs.remove(path);
    await pause(100);
    expect(readdirSync(directory)).toEqual([]);
  });
});
