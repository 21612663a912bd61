import { describe, expect, test } from "bun:test";
import { createPaint } from "../paint.ts";
import { fakeEnvironment, fakeService } from "../testing/fake-daemon.ts";
import { currentEnvironment, gitText, type ListTextOptions, listLines } from "./list-text.ts";

const git = { head: "b".repeat(40), dirty: 3, untracked: 1, ahead: 2, behind: 0 };
const environments = [
  fakeEnvironment({
    slug: "main",
    branch: "main",
    path: "/repo",
    main: true,
    services: [fakeService()],
    createdAt: "2025-12-27T02:00:00Z",
  }),
  fakeEnvironment({
    slug: "earl-fib-123-feature",
    path: "/repo.worktrees/earl",
    git,
    services: [fakeService(), fakeService({ name: "worker", state: "CrashLoopBackOff" })],
    status: "Degraded",
  }),
  fakeEnvironment({ slug: "日本語-branch", path: "/repo.worktrees/jp", git: null, status: "Stopped" }),
];
const options: ListTextOptions = {
  paint: createPaint(false),
  nowMs: Date.parse("2026-01-01T02:00:00Z"),
  cwd: "/repo.worktrees/earl/src",
  all: false,
  width: null,
  pending: new Set(),
  ellipsis: "…",
};

describe("the table", () => {
  test("has a column for each service of any environment and is aligned by what a screen shows", () => {
    expect(listLines(environments, options)).toEqual([
      "NAME                    STATUS    WEB      WORKER            GIT       AGE",
      "main                    Healthy   Running  -                           5d",
      "earl-fib-123-feature *  Degraded  Running  CrashLoopBackOff  +2 ~3 ?1  2h",
      "日本語-branch           Ready     -        -                 unknown   2h",
    ]);
  });

  test("shows what git has not answered yet and the project", () => {
    const lines = listLines(environments.slice(1, 2), { ...options, all: true, pending: new Set(["demo/earl-fib-123-feature"]) });
    expect(lines[1]).toBe("demo     earl-fib-123-feature *  Degraded  Running  CrashLoopBackOff  …         2h");
  });

  test("never leaves the width of a terminal", () => {
    for (let width = 20; width < 90; width += 7) {
      const coloured = listLines(environments, { ...options, width, paint: createPaint(true) });
      for (const line of coloured) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    }
    expect(listLines(environments, { ...options, width: 68 })[2]).toStartWith("earl-fib-123-fe…  Degraded");
  });

  test("has a column for resources where any environment has one, named after the only one", () => {
    const db = (state: "Ready" | "Shared") => ({ name: "db", type: "postgres", state });
    const [main, earl] = environments.map((one, index) =>
      fakeEnvironment({ slug: one.slug, resources: index === 0 ? [] : [db("Shared")] }),
    );
    expect(listLines([main, earl] as never, options)).toEqual([
      "NAME                  STATUS   DB      GIT       AGE",
      "main                  Ready    -                 2h",
      "earl-fib-123-feature  Healthy  SHARED            2h",
    ]);
    const both = fakeEnvironment({ resources: [db("Ready"), { name: "cache", type: "redis", state: "Asleep" }] });
    expect(listLines([both], options)).toEqual(["NAME  STATUS   RESOURCES     GIT       AGE", "one   Healthy  cache Asleep            2h"]);
  });

  test("says one word of environments that have nothing to run, whether they were brought up or not, and no other of what needs somebody", () => {
    const statuses = ["Healthy", "Stopped", "Missing", "Incomplete", "Creating"] as const;
    const rows = statuses.map((status) => fakeEnvironment({ slug: status.toLowerCase(), status, services: [] }));
    const words = listLines(rows, options).slice(1);
    expect(words.map((line) => line.split(/\s+/)[1])).toEqual(["Ready", "Ready", "Missing", "Incomplete", "Creating"]);
  });

  test("a hundred environments with long names of any script keep their columns, at every width", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => fakeEnvironment({ slug: `${"größe-日本-x".repeat(index % 5)}-${index}` }));
    for (const width of [20, 40, 80, 200]) {
      const lines = listLines(hundred, { ...options, width });
      expect(lines).toHaveLength(101);
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    }
    const columns = new Set(
      listLines(hundred, options).map((line) => Bun.stringWidth(line.slice(0, line.search(/STATUS|Ready|Healthy|Running/)))),
    );
    expect(columns.size).toBe(1);
  });

  test("is only a header without environments", () => {
    expect(listLines([], options)).toEqual(["NAME  STATUS  GIT       AGE"]);
  });
});

test("the current environment is the innermost one", () => {
  const nested = fakeEnvironment({ slug: "nested", path: "/repo/.worktrees/x" });
  const all = [...environments, nested];
  expect(currentEnvironment(all, "/repo/.worktrees/x/src")?.slug).toBe("nested");
  expect(currentEnvironment(all, "/repo")?.slug).toBe("main");
  expect(currentEnvironment(all, "/repo-other")).toBeNull();
});

test("git in signs", () => {
  expect(gitText({ ...git, behind: 7 })).toBe("+2 -7 ~3 ?1");
  expect(gitText({ head: null, dirty: 0, untracked: 0, ahead: 0, behind: 0 })).toBe("");
});
