import { expect, test } from "bun:test";
import type { ListedResource, ResourceView } from "../../api/resources.ts";
import { createPaint } from "../paint.ts";
import { checkpointLines, resourceCell, resourceLines, statusResourceLines, usageLines } from "./resource-text.ts";

const options = { paint: createPaint(false), width: null, ellipsis: "…", all: false };
const db: ListedResource = {
  project: "shop",
  environment: "one",
  name: "db",
  type: "postgres",
  state: "Asleep",
  detail: "copied by reflink",
  url: "postgres://app@127.0.0.1:20001/app",
  usage: { exclusiveBytes: 1_500_000, sharedBytes: 24_000_000, how: "extents" },
};
const cache: ListedResource = {
  ...db,
  name: "cache",
  type: "redis",
  state: "Broken",
  detail: "it does not answer.",
  url: null,
  usage: { exclusiveBytes: null, sharedBytes: null, how: "no answer" },
};

test("db list: states, URLs, and why one does not work", () => {
  expect(resourceLines([db, cache, { ...db, environment: "two", state: "Shared", detail: null }], options)).toEqual([
    "ENVIRONMENT  RESOURCE  TYPE      STATE   URL",
    "one          db        postgres  Asleep  postgres://app@127.0.0.1:20001/app",
    "one          cache     redis     Broken  -",
    "two          db        postgres  SHARED  postgres://app@127.0.0.1:20001/app",
    "",
    "one cache: it does not answer.",
  ]);
  expect(resourceLines([db], { ...options, all: true })[1]).toStartWith("shop     one");
  expect(resourceLines([], options)).toEqual(["No environment has resources; they stand under resources: in wt.yaml."]);
});

test("db usage: a sum that does not claim more than is known", () => {
  expect(usageLines([db], options)).toEqual([
    "ENVIRONMENT  RESOURCE  EXCLUSIVE  SHARED  MEASURED",
    "one          db        1 MB       23 MB   extents",
    "",
    "1 MB would come back without them.",
  ]);
  expect(usageLines([db, cache], options).at(-1)).toBe("at least 1 MB would come back without them.");
});

test("status: one line a resource", () => {
  expect(statusResourceLines([db, cache, { name: "x", type: "exec", state: "Ready", usage: null }], { ...options, nowMs: 0 })).toEqual([
    "RESOURCE  TYPE      STATE   DISK                 URL",
    "db        postgres  Asleep  1 MB + 23 MB shared  postgres://app@127.0.0.1:20001/app",
    "cache     redis     Broken  -                    -",
    "x         exec      Ready   -                    -",
    "cache: it does not answer.",
  ]);
});

test("status: what differs from main, and since when that is known", () => {
  const drift = { changes: "2 tables added", asOf: "2026-01-01T00:00:00.000Z", inputsChanged: true };
  const lines = statusResourceLines(
    [
      { ...cache, name: "db", state: "Ready", detail: null, drift },
      { ...cache, name: "same", state: "Ready", detail: null, drift: { changes: "", asOf: null, inputsChanged: false } },
    ],
    { ...options, nowMs: Date.parse("2026-01-01T00:12:00Z") },
  );
  expect(lines.slice(3)).toEqual([
    "db: schema differs from main: 2 tables added, as of 12m ago (wt db diff)",
    "db: files it was made from changed since; migrations may be pending",
  ]);
});

const view = (name: string, state: ResourceView["state"]): ResourceView => ({ name, type: "x", state });

test.each<[ResourceView[], string]>([
  [[], "-"],
  [[view("db", "Ready"), view("cache", "Ready")], "Ready"],
  [[view("db", "Asleep"), view("cache", "Asleep")], "Asleep"],
  [[view("db", "Shared")], "SHARED"],
  [[view("db", "Shared"), view("cache", "Ready")], "db SHARED"],
  [[view("db", "Asleep"), view("cache", "Broken"), view("up", "Ready")], "db Asleep, cache Broken"],
])("the cell of the list: %j", (resources, text) => {
  expect(resourceCell(resources, options.paint).text).toBe(text);
});

test("checkpoints", () => {
  const nowMs = Date.parse("2026-01-01T02:00:00Z");
  const one = { id: "before", createdAt: "2026-01-01T00:00:00Z", resources: ["db", "uploads"] };
  expect(checkpointLines({ schema: 1, environment: "one", checkpoints: [one] }, { ...options, nowMs })).toEqual([
    "CHECKPOINT  AGE  RESOURCES",
    "before      2h   db, uploads",
  ]);
  expect(checkpointLines({ schema: 1, environment: "one", checkpoints: [] }, { ...options, nowMs })[0]).toContain("wt db checkpoint");
});
