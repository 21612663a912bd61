import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type Git, gitStderr } from "./git.ts";

/**
 * Every file outside of the worktrees that decides what `git status` says in this repository: configuration with all it includes, and the files with
 * patterns that it names; also those that are absent now. null when that differs between worktrees or cannot be told.
 */
export async function readConfigSources(git: Git, root: string, env: Record<string, string | undefined>): Promise<string[] | null> {
  let output: string;
  try {
    output = await git.run(root, ["config", "--list", "--show-origin", "-z"]);
  } catch (error) {
    if (gitStderr(error) === null) throw error;
    return null;
  }
  const home = env.HOME ?? homedir();
  const settings = join(env.XDG_CONFIG_HOME || join(home, ".config"), "git");
  const files = new Set([
    join(home, ".gitconfig"),
    ...["config", "ignore", "attributes"].map((name) => join(settings, name)),
    "/etc/gitconfig",
    "/etc/gitattributes",
  ]);
  const records = output.split("\0");
  for (let index = 0; index + 1 < records.length; index += 2) {
    const origin = records[index] ?? "";
    const [key = "", value = ""] = (records[index + 1] ?? "").split("\n", 2);
    // Another worktree or branch may have other settings than this one.
    if (key.startsWith("includeif.") || key === "core.worktree") return null;
    if (origin.startsWith("file:")) files.add(resolve(root, origin.slice("file:".length)));
    if (!["core.excludesfile", "core.attributesfile", "include.path"].includes(key)) continue;
    // An included file that does not exist yet is no origin.
    const path = value.startsWith("~/") ? join(home, value.slice(2)) : value;
    if (/^[~%]/.test(path) || (!isAbsolute(path) && key !== "include.path")) return null;
    files.add(isAbsolute(path) ? path : resolve(root, dirname(origin.slice("file:".length)), path));
  }
  return [...files];
}
