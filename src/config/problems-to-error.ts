import { type JsonValue, WtError } from "../errors/wt-error.ts";
import type { ConfigProblem, ProblemsToError } from "./config.ts";

/** The first problem is the sentence; its hint (there is always one) and the other problems are the hints; all of them are in the details. */
export const problemsToError: ProblemsToError = (file, problems) => {
  const [first, ...others] = problems;
  if (!first) return null;
  const where = others.every((problem) => (problem.file ?? file) === file) ? ` in ${file}` : "";
  const more = others.length === 0 ? [] : [`${others.length} more ${others.length === 1 ? "problem" : "problems"}${where}:`];
  return new WtError({
    kind: "config",
    code: "config_invalid",
    message: sentence(file, first),
    hints: [
      first.hint ?? `Correct it in ${file}, then run the same command again.`,
      ...more,
      ...others.map((problem) => [sentence(file, problem), problem.hint].filter(Boolean).join(" ")),
    ],
    details: { path: file, line: first.line, column: first.column, problems: problems.map((problem): JsonValue => ({ ...problem })) },
  });
};

/** `wt.yaml:12:5: services.backend.prot is not a known key.` */
function sentence(file: string, problem: ConfigProblem): string {
  const place = problem.line === null ? "" : `:${problem.line}:${problem.column ?? 1}`;
  return `${problem.file ?? file}${place}: ${problem.message}`;
}
