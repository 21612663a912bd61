import { expect, test } from "bun:test";
import { createPaint } from "../paint.ts";
import { fakeEnvironment, fakeService } from "../testing/fake-daemon.ts";
import { hereLines, statusLines } from "./environment-text.ts";

const options = { paint: createPaint(false), nowMs: Date.parse("2026-01-01T02:00:00Z"), width: null, ellipsis: "…" };
const environment = fakeEnvironment({
  branch: "feature/one",
  git: { head: null, dirty: 1, untracked: 0, ahead: 0, behind: 0 },
  services: [
    fakeService({ routes: ["/"], memoryBytes: 90 << 20, startedAt: "2026-01-01T00:00:00Z", logPath: "/state/web.log" }),
    fakeService({
      name: "backend",
      url: "http://backend.one.localhost:7080",
      port: 20002,
      routes: ["/api", "/graphql"],
      state: "CrashLoopBackOff",
      restarts: 4,
      pid: null,
      memoryBytes: null,
      reason: "It ended with code 1, 3 times in a row.",
    }),
    fakeService({ name: "worker", url: null, port: null, state: "Running", pid: 77 }),
  ],
});

test("status: URLs one line a route, then the services, then why", () => {
  expect(statusLines(environment, options).join("\n")).toMatchInlineSnapshot(`
"one  Healthy
project   demo
branch    feature/one  ~1
path      /repo.worktrees/one
created   2h ago, slot 1

URL                                SERVICE
http://one.localhost:7080/         web
http://one.localhost:7080/api      backend
http://one.localhost:7080/graphql  backend
http://web.one.localhost:7080      web
http://backend.one.localhost:7080  backend

SERVICE  STATE             PORT   PID   RESTARTS  MEMORY  UPTIME
web      Running           20001  4242  0         90 MB   2h
backend  CrashLoopBackOff  20002  -     4         -       -
worker   Running           -      77    0         -       -

backend: It ended with code 1, 3 times in a row.

LOG
web  /state/web.log"
`);
});

test("here: the same in a few lines", () => {
  expect(hereLines(environment, options).at(-1)).toBe("services  web Running, backend CrashLoopBackOff, worker Running");
});

test("an environment without services or branch has nothing to invent", () => {
  const lines = statusLines(fakeEnvironment({ branch: null, url: null, git: null, status: "Stopped" }), options);
  expect(lines).toHaveLength(5);
  expect(lines[2]).toBe("branch    detached HEAD  unknown");
});
