import { expect, test } from "bun:test";
import { createPaint } from "../paint.ts";
import { deleteLines, workAtStake } from "./delete-text.ts";

const paint = createPaint(false);

test("says what became of the branch and where the work is kept", () => {
  const base = { slug: "one", branch: "feature/one", rescueRefs: [], undeleteUntil: null, abandoned: [] };
  expect(deleteLines({ ...base, branchOutcome: "deleted" }, paint)).toEqual(["Deleted one and its branch feature/one."]);
  expect(deleteLines({ ...base, branchOutcome: "kept_unmerged" }, paint)[0]).toContain("--branch deletes it");
  expect(deleteLines({ ...base, branch: null, branchOutcome: "none" }, paint)).toEqual(["Deleted one."]);
  expect(deleteLines({ ...base, branchOutcome: "deleted", undeleteUntil: "2026-03-04T05:06:07.008Z" }, paint)[1]).toBe(
    "  Until 2026-03-04 it comes back with: wt undelete one",
  );
  const prefix = "refs/wt/rescue/one/1";
  const rescueRefs = [`${prefix}/head`, `${prefix}/index`, `${prefix}/worktree`, `${prefix}/branch`];
  const rescued = deleteLines({ ...base, branchOutcome: "deleted", rescueRefs }, paint);
  expect(rescued.slice(1)).toEqual([
    "  Its files are kept; bring them back with:",
    `    git worktree add --detach <directory> ${prefix}/worktree`,
    "  Its commits are kept; bring them back with:",
    `    git branch feature/one ${prefix}/branch`,
  ]);
});

test("says what is at stake", () => {
  const clean = { head: null, dirty: 0, untracked: 0, ahead: 0, behind: 3 };
  expect(workAtStake(clean)).toBe("");
  expect(workAtStake(null)).toBe("");
  expect(workAtStake({ ...clean, dirty: 2, untracked: 1, ahead: 1 })).toBe("2 uncommitted changes, 1 untracked file, 1 unpushed commit");
});
