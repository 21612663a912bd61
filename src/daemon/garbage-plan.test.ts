import { expect, test } from "bun:test";
import fc from "fast-check";
import type { SealedTemplate, TemplateReference } from "../resource/resource-driver.ts";
import { dayMs, type GarbageFacts, planGarbage } from "./garbage-plan.ts";

const nowMs = 100 * dayMs;
const template = (key: string, over: Partial<SealedTemplate> = {}): SealedTemplate => ({
  key,
  resource: "db",
  mainWorktree: "/shop",
  stage: "migrated",
  madeFrom: [],
  version: "PostgreSQL 18.4",
  parent: null,
  migrations: null,
  bytes: 1,
  createdAtMs: nowMs - 30 * dayMs,
  buildMs: 1,
  usedAtMs: nowMs - 20 * dayMs,
  problem: null,
  ...over,
});
const upon = (key: string, directory = "/e/1"): TemplateReference => ({ key, environmentId: "1", directory, lasting: true });
const facts = (over: Partial<GarbageFacts>): GarbageFacts => ({
  templates: [template("a")],
  references: [],
  wantedBy: new Map(),
  unknown: new Map(),
  damaged: new Map(),
  nowMs,
  retentionMs: 7 * dayMs,
  busySinceMs: null,
  ...over,
});

test.each([
  ["nothing wants it", {}, true, "Nothing would be made from it any more; it was last used 20 days ago."],
  ["it was used lately", { templates: [template("a", { usedAtMs: nowMs - 1.5 * dayMs })] }, false, "It was used yesterday."],
  [
    "it was built lately and never used",
    { templates: [template("a", { usedAtMs: null, createdAtMs: nowMs })] },
    false,
    "It was used today.",
  ],
  ["environments want it", { wantedBy: new Map([["a", ["x", "y", "z"]]]) }, false, "x and 2 others would be made from it."],
  ["a database lies upon it", { references: [upon("a"), upon("a")] }, false, "A database lies upon it."],
  [
    "two databases lie upon it, and it is damaged",
    { references: [upon("a"), upon("a", "/e/2")], damaged: new Map([["a", "base/1"]]) },
    false,
    "2 databases lie upon it. It is damaged: base/1 is not what was sealed.",
  ],
  [
    "it is damaged and wanted",
    { damaged: new Map([["a", "base/1"]]), wantedBy: new Map([["a", ["x"]]]) },
    true,
    "It is damaged: base/1 is not what was sealed.",
  ],
  [
    "its project cannot be read",
    { unknown: new Map([["/shop", "x of shop: no."]]) },
    false,
    "It cannot be told whether it is needed: x of shop: no.",
  ],
  [
    "an operation began before it was used",
    { retentionMs: 0, busySinceMs: nowMs - 21 * dayMs },
    false,
    "An operation that is under way uses it.",
  ],
  [
    "an operation began after it was used",
    { retentionMs: 0, busySinceMs: nowMs },
    true,
    "Nothing would be made from it any more; it was last used 20 days ago.",
  ],
] as [string, Partial<GarbageFacts>, boolean, string][])("%s", (...[, over, remove, reason]) => {
  expect(planGarbage(facts(over))).toEqual([{ key: "a", remove, reason }]);
});

test("what something lies upon is never removed, what is wanted only when it is damaged, what is young only when something is wrong with it", () => {
  const keys = ["a", "b", "c", "d"];
  const some = fc.subarray(keys);
  fc.assert(
    fc.property(some, some, some, some, fc.array(fc.nat(30), { minLength: 4, maxLength: 4 }), fc.boolean(), (...given) => {
      const [lain, wanted, damaged, wrong, ages, known] = given;
      const templates = keys.map((key, index) =>
        template(key, { usedAtMs: nowMs - (ages[index] ?? 0) * dayMs, problem: wrong.includes(key) ? "It was put away." : null }),
      );
      const verdicts = planGarbage(
        facts({
          templates,
          references: [...lain.map((key) => upon(key)), ...keys.map((key) => ({ ...upon(key), lasting: false }))],
          wantedBy: new Map(wanted.map((key) => [key, ["x"]])),
          unknown: new Map(known ? [] : [["/shop", "It cannot be read."]]),
          damaged: new Map(damaged.map((key) => [key, "base/1"])),
        }),
      );
      expect(verdicts.map(({ key }) => key)).toEqual(keys);
      for (const [index, { key, remove, reason }] of verdicts.entries()) {
        const sound = !damaged.includes(key) && !wrong.includes(key);
        const old = (ages[index] ?? 0) >= 7;
        expect(remove).toBe(!lain.includes(key) && (!sound || (!wanted.includes(key) && known && old)));
        expect(reason).toEndWith(".");
      }
    }),
  );
});
