import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hostLabelFor, lowestFreeSlot, projectNameFor, slugFor } from "./slug.ts";

const none = new Set<string>();

describe("slugFor", () => {
  test.each([
    ["earl/fib-123-feature", "earl-fib-123-feature"],
    ["Feature/ABC_def.ghi", "feature-abc-def-ghi"],
    ["release/1.2.x", "release-1-2-x"],
    ["--a--b--", "a-b"],
  ])("%s becomes %s", (branch, slug) => {
    expect(slugFor(branch, none)).toBe(slug);
  });

  test("names that collide as slugs get different ones", () => {
    const first = slugFor("feat/auth", none);
    const second = slugFor("feat-auth", new Set([first]));
    expect(first).toBe("feat-auth");
    expect(second).toMatch(/^feat-auth-[a-z0-9]{6}$/);
  });

  test("a cut name carries a hash, so that two long names differ", () => {
    const long = "x".repeat(200);
    const a = slugFor(`${long}a`, none);
    const b = slugFor(`${long}b`, none);
    expect(a).not.toBe(b);
    expect(a.length).toBeLessThanOrEqual(40);
  });

  test("a name without any usable character still becomes one", () => {
    expect(slugFor("ветка/日本", none)).toMatch(/^b-[a-z0-9]{6}$/);
  });

  test("any branch, any history: a valid label that is not taken", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", minLength: 1, maxLength: 80 }), { maxLength: 20 }), (branches) => {
        const taken = new Set<string>();
        for (const branch of branches) {
          const slug = slugFor(branch, taken);
          expect(slug).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
          expect(slug.length).toBeLessThanOrEqual(40);
          expect(taken.has(slug)).toBe(false);
          taken.add(slug);
        }
      }),
    );
  });
});

describe("hostLabelFor", () => {
  test("the slug alone, then with the project, then with a hash", () => {
    expect(hostLabelFor({ slug: "main", project: "shop" }, none)).toBe("main");
    expect(hostLabelFor({ slug: "main", project: "shop" }, new Set(["main"]))).toBe("main-shop");
    expect(hostLabelFor({ slug: "main", project: "shop" }, new Set(["main", "main-shop"]))).toMatch(/^main-shop-[a-z0-9]{6}$/);
  });

  test("never longer than a DNS label", () => {
    const label = hostLabelFor({ slug: "s".repeat(40), project: "p".repeat(40) }, new Set(["s".repeat(40)]));
    expect(label.length).toBeLessThanOrEqual(63);
  });
});

test("lowestFreeSlot reuses gaps and never gives 0", () => {
  expect(lowestFreeSlot(new Set([0]))).toBe(1);
  expect(lowestFreeSlot(new Set([0, 1, 3]))).toBe(2);
});

test("projectNameFor counts on", () => {
  expect(projectNameFor("My App", none)).toBe("my-app");
  expect(projectNameFor("my.app", new Set(["my-app"]))).toBe("my-app-2");
});
