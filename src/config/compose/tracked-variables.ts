// Which files of variables a branch can change, and what they say.
import { WtError } from "../../errors/wt-error.ts";
import type { TrackedFiles } from "../config.ts";
import type { CommandToTrust } from "../trust-commands.ts";
import { matchingPaths } from "./matching-files.ts";
import { variablesToTrust } from "./variables-to-trust.ts";

/**
 * Of files that git does not keep nothing is asked: they are the user's own, like the shell. Throws `WtError` (`config`) for a link that git keeps: what it leads to
 * could change, and nobody would have read it.
 */
export async function trackedVariables(patterns: readonly string[], files: TrackedFiles): Promise<CommandToTrust[]> {
  const paths = (await Promise.all(patterns.map((pattern) => placesOf(pattern, files)))).flat();
  const found = await Promise.all(
    [...new Set(paths)].sort().map(async (path) => {
      const text = await files.read(path);
      if (text !== null) return (await files.tracked(path)) ? variablesToTrust(path, text) : [];
      const link = await linkOnTheWay(path, files);
      if (link !== null && (await files.tracked(link))) throw trackedLink(path, link);
      return [];
    }),
  );
  return found.flat();
}

/** With names that differ in case alone: to some file systems they are the same. */
async function placesOf(pattern: string, files: TrackedFiles): Promise<string[]> {
  if (pattern.includes("*")) return matchingPaths(files, pattern);
  const at = pattern.lastIndexOf("/");
  const name = pattern.slice(at + 1);
  const alike = (await files.list(at === -1 ? "." : pattern.slice(0, at))).filter(
    (other) => other !== name && other.toLowerCase() === name.toLowerCase(),
  );
  return [pattern, ...alike.map((other) => pattern.slice(0, at + 1) + other)];
}

/** The first part of a path that is neither a directory nor, at its end, a regular file; null: nothing is there. */
async function linkOnTheWay(path: string, files: TrackedFiles): Promise<string | null> {
  const parts = path.split("/");
  for (const [index, part] of parts.entries()) {
    const names = await files.list(parts.slice(0, index).join("/") || ".");
    if (names.includes(part)) return parts.slice(0, index + 1).join("/");
    if (!names.includes(`${part}/`)) return null;
  }
  return null;
}

function trackedLink(path: string, link: string): WtError {
  const what = path === link ? `${link} is` : `${path} lies behind ${link},`;
  return new WtError({
    kind: "config",
    code: "trust_link",
    message: `${what} a link of the repository, so nobody could approve the variables that containers are made with.`,
    hints: [`Put the file itself there instead of a link, or take it out of git: git rm --cached ${link}`],
  });
}
