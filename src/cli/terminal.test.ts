import { expect, test } from "bun:test";
import { browserCommand } from "./browser.ts";
import { codingAgent } from "./coding-agents.ts";
import { gitFinding } from "./doctor/git-check.ts";
import { parseSince } from "./parse-since.ts";
import { supportsUnicode, wantsColour } from "./terminal.ts";

const colourCases = [
  [{}, "auto", true, true],
  [{}, "auto", false, false],
  [{ NO_COLOR: "1" }, "auto", true, false],
  [{ NO_COLOR: "" }, "auto", true, true],
  [{ NO_COLOR: "1", FORCE_COLOR: "1" }, "auto", false, false],
  [{ FORCE_COLOR: "1" }, "auto", false, true],
  [{ FORCE_COLOR: "0" }, "auto", true, false],
  [{ CLICOLOR_FORCE: "1" }, "auto", false, true],
  [{ TERM: "dumb" }, "auto", true, false],
  [{ NO_COLOR: "1" }, "always", false, true],
  [{ FORCE_COLOR: "1" }, "never", true, false],
] as const;

test("colour follows the option, then the variables, then whether a person looks", () => {
  for (const [env, option, isTerminal, expected] of colourCases) {
    expect([env, option, isTerminal, wantsColour(env, option, isTerminal)]).toEqual([env, option, isTerminal, expected]);
  }
});

test("symbols beyond ASCII only where the locale has them", () => {
  expect([{ LANG: "C.UTF-8" }, { LANG: "de_DE.utf8" }, {}, { LANG: "C" }].map(supportsUnicode)).toEqual([true, true, true, true]);
  expect([{ LANG: "de_DE.ISO-8859-1" }, { TERM: "dumb" }, { TERM: "linux" }].map(supportsUnicode)).toEqual([false, false, false]);
});

test("agents are known by what they set", () => {
  expect(codingAgent({ CLAUDECODE: "1" })).toBe("Claude Code");
  expect(codingAgent({ CODEX_SANDBOX: "seatbelt" })).toBe("Codex");
  expect(codingAgent({ CLAUDECODE: "", PATH: "/bin" })).toBeNull();
});

test("a browser only where somebody would see it", () => {
  const all = (program: string) => `/bin/${program}`;
  expect(browserCommand({}, "linux", all)).toBeNull();
  expect(browserCommand({ DISPLAY: ":0" }, "linux", all)).toBe("/bin/xdg-open");
  expect(browserCommand({ DISPLAY: ":0" }, "linux", () => null)).toBeNull();
  expect(browserCommand({}, "darwin", all)).toBe("/bin/open");
  expect(browserCommand({ SSH_CONNECTION: "x" }, "darwin", all)).toBeNull();
  expect(browserCommand({ BROWSER: "firefox" }, "linux", all)).toBe("/bin/firefox");
});

test("--since", () => {
  expect(parseSince("10m", 1_000_000)).toBe(400_000);
  expect(parseSince("2026-03-01T12:00:00Z", 0)).toBe(Date.UTC(2026, 2, 1, 12));
  for (const wrong of ["10", "ten", "", "10y", "1", "-5m"]) expect(() => parseSince(wrong, 0)).toThrow("is not understood");
});

test("git's version", () => {
  const level = (printed: string) => gitFinding(printed).level;
  expect(["git version 2.31.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0.1"].map(level)).toEqual(["ok", "ok", "ok"]);
  expect(["git version 2.30.9", "git version 1.9.1", "what"].map(level)).toEqual(["error", "error", "error"]);
});
