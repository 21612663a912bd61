import type { DoctorFinding } from "../../api/operations.ts";
import { WtError } from "../../errors/wt-error.ts";
import { exec } from "../../os/exec.ts";

/** The first version with everything that worldtree asks of `git worktree`. */
const oldest = [2, 31] as const;

export async function observeGit(env: Record<string, string>): Promise<DoctorFinding[]> {
  try {
    const { stdout } = await exec(["git", "--version"], { cwd: "/", env });
    return [gitFinding(stdout)];
  } catch (error) {
    if (!(error instanceof WtError)) throw error;
    return [{ code: "git_missing", level: "error", message: "git was not found on the PATH.", fix: "Install git 2.31 or newer." }];
  }
}

export function gitFinding(printed: string): DoctorFinding {
  const version = printed.match(/(\d+)\.(\d+)[\w.]*/);
  const [major, minor] = [Number(version?.[1] ?? 0), Number(version?.[2] ?? 0)];
  const [oldestMajor, oldestMinor] = oldest;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) {
    return { code: "git", level: "ok", message: `git ${version?.[0] ?? ""} is new enough.`, fix: null };
  }
  return {
    code: "git_too_old",
    level: "error",
    message: `git ${version?.[0] ?? "of an unknown version"} is older than ${oldest.join(".")}.`,
    fix: `Install git ${oldest.join(".")} or newer.`,
  };
}
