import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { slugFor } from "../environment/slug.ts";
import { adoptedName } from "./adopted-name.ts";

const root = "/home/ada/shop";

describe("the name of a worktree that others made", () => {
  for (const [who, path, branch, name] of [
    ["git worktree add ../fix", "/home/ada/fix", "fix", "fix"],
    ["claude --worktree fix", "/home/ada/shop/.claude/worktrees/fix", "worktree-fix", "fix"],
    ["claude, branch changed since", "/home/ada/shop/.claude/worktrees/fix", "earl/login", "earl/login"],
    ["claude, detached", "/home/ada/shop/.claude/worktrees/fix", null, "fix"],
    ["codex, detached", "/home/ada/.codex/worktrees/3f2a/shop", null, "codex-3f2a"],
    ["codex, with a branch", "/home/ada/.codex/worktrees/3f2a/shop", "codex/fix", "codex/fix"],
    ["conductor", "/home/ada/conductor/workspaces/shop/lisbon", "ada/lisbon", "ada/lisbon"],
    ["worktrunk, a sibling", "/home/ada/shop.fix", "fix", "fix"],
    ["worktrunk, detached", "/home/ada/shop.fix", null, "fix"],
    ["by hand, detached", "/home/ada/shop-review", null, "review"],
    ["by hand, elsewhere", "/srv/shop-review", null, "shop-review"],
    ["a name that only begins alike", "/home/ada/shopping", null, "shopping"],
    ["beside others of the same name", "/tmp/run-7/shop", null, "run-7"],
  ] as const) {
    test(who, () => expect(adoptedName({ path, branch, root })).toBe(name));
  }

  test("whatever the path, it makes a slug", () => {
    const segment = fc.string({ minLength: 1, maxLength: 30 }).filter((text) => !text.includes("/") && text !== "." && text !== "..");
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (parts) => {
        const name = adoptedName({ path: `/${parts.join("/")}`, branch: null, root });
        expect(name.length).toBeGreaterThan(0);
        expect(slugFor(name, new Set())).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      }),
    );
  });
});
