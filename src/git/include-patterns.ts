// `.worktreeinclude`: which of the files that git ignores a new worktree takes over, in the syntax of .gitignore. Pure.

export interface IncludePatterns {
  /** Whether a file or link of this relative path is meant, or all of a directory (a trailing `/`). */
  matches(path: string): boolean;
  /** Whether a pattern names something below this directory, by its path. A mere name such as `.env` names nothing in `node_modules/`. */
  enters(directory: string): boolean;
}

interface Pattern {
  /** Of the whole path, seen from the top. */
  path: RegExp;
  segments: string[];
  negated: boolean;
  directoryOnly: boolean;
  /** A slash stands in it before its end: it means one place, not a name anywhere. */
  anchored: boolean;
}

/** Lines that mean nothing (comments, empty ones) are left out; what git would take for a pattern that matches nothing does so here. */
export function parseIncludePatterns(text: string): IncludePatterns {
  const patterns = text.split(/\r?\n/).flatMap((line) => parsePattern(line) ?? []);
  const decide = (path: string, isDirectory: boolean): boolean | null => {
    const last = patterns.findLast((one) => (isDirectory || !one.directoryOnly) && one.path.test(path));
    return last ? !last.negated : null;
  };
  return {
    matches(path) {
      const isDirectory = path.endsWith("/");
      const parts = path.replace(/\/$/, "").split("/");
      // What is below a directory that is meant is meant too, and as in .gitignore nothing takes it back.
      return parts.some((_, index) => decide(parts.slice(0, index + 1).join("/"), index < parts.length - 1 || isDirectory) === true);
    },
    enters(directory) {
      const parts = directory.replace(/\/$/, "").split("/");
      return patterns.some((pattern) => !pattern.negated && pattern.anchored && leadsInto(pattern.segments, parts));
    },
  };
}

function leadsInto(segments: string[], parts: string[]): boolean {
  if (segments[0] === "**") return false;
  for (const [index, part] of parts.entries()) {
    const segment = segments[index];
    if (segment === "**") return true;
    if (segment === undefined || !new RegExp(`^${segmentSource(segment)}$`, "s").test(part)) return false;
  }
  return segments.length > parts.length;
}

function parsePattern(line: string): Pattern | null {
  // Spaces at the end do not count, unless the last of them is escaped.
  let text = line.replace(/(?<!\\)((?:\\\\)*) +$/, "$1");
  if (text === "" || text.startsWith("#")) return null;
  const negated = text.startsWith("!");
  if (negated) text = text.slice(1);
  const directoryOnly = text.endsWith("/");
  if (directoryOnly) text = text.slice(0, -1);
  const anchored = text.includes("/");
  if (text.startsWith("/")) text = text.slice(1);
  if (text === "") return null;
  const segments = text.split("/");
  return {
    path: new RegExp(`^${anchored ? pathSource(segments) : `(?:.*/)?${segmentSource(text)}`}$`, "s"),
    segments,
    negated,
    directoryOnly,
    anchored,
  };
}

function pathSource(segments: string[]): string {
  return segments.reduce((source, segment, index) => {
    const isLast = index === segments.length - 1;
    if (segment === "**") return isLast ? `${source}.+` : `${source}(?:.*/)?`;
    return source + segmentSource(segment) + (isLast ? "" : "/");
  }, "");
}

/** Without its slashes: `*`, `?`, `[a-z]`, `\x`. */
function segmentSource(segment: string): string {
  let source = "";
  for (let at = 0; at < segment.length; at++) {
    const character = segment[at] ?? "";
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "\\") source += RegExp.escape(segment[++at] ?? "\\");
    else if (character === "[") {
      const group = /^\[([!^]?)(\]?[^\]]*)\]/.exec(segment.slice(at));
      if (!group) return "(?!)";
      source += `(?!/)[${group[1] ? "^" : ""}${(group[2] ?? "").replace(/[\\\][^]/g, "\\$&")}]`;
      at += group[0].length - 1;
    } else source += RegExp.escape(character);
  }
  return source;
}
