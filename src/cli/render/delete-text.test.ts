import { expect, test } from "bun:test";
import { createPaint } from "../paint.ts";
import { deleteLines } from "./delete-text.ts";

const paint = createPaint(false);

test("says what became of the branch and where the work is kept", () => {
  const base = { slug: "one", branch: "feature/one", rescueRefs: [] };
  expect(deleteLines({ ...base, branchOutcome: "deleted" }, paint)).toEqual(["Deleted one and its branch feature/one."]);
  expect(deleteLines({ ...base, branchOutcome: "kept_unmerged" }, paint)[0]).toContain("--branch deletes it");
  expect(deleteLines({ ...base, branch: null, branchOutcome: "none" }, paint)).toEqual(["Deleted one."]);
  const rescued = deleteLines({ ...base, branchOutcome: "deleted", rescueRefs: ["refs/wt/rescue/one/1"] }, paint);
  expect(rescued[1]).toBe("  Kept as refs/wt/rescue/one/1; bring it back with: git switch -c <new branch> refs/wt/rescue/one/1");
});
