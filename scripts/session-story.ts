// What the README's recorded session does; scripts/record-session.ts carries it out.

export interface SessionCommand {
  /** As shown, without the prompt. */
  line: string;
  /** The directory, below the place of the demo's repository. */
  in: "fibonacci" | `fibonacci.worktrees/${string}`;
  /** Lines of its output that are shown; default: all but those of commands that it runs, and steps that only begin. */
  shown?: (line: string) => boolean;
  /** Said after the command. */
  remark?: string;
}

const other = "fibonacci.worktrees/earl-other";

export const story: readonly SessionCommand[] = [
  { in: "fibonacci", line: "wt trust --yes" },
  {
    in: "fibonacci",
    line: "wt create earl/fib-123-feature",
    shown: (line) => /^(URL|http)|: done in .* s$|Running$|Healthy/.test(line),
  },
  {
    in: "fibonacci",
    line: "wt fibonacci earl/other",
    remark: "from anywhere; made when there is none",
    shown: (line) => line.startsWith("/"),
  },
  { in: "fibonacci", line: "wt list" },
  { in: other, line: "echo 'an idea' > notes.txt" },
  { in: other, line: "wt checkpoint before-lunch", shown: (line) => !/done in|\.\.\.$/.test(line) },
  { in: "fibonacci", line: "wt delete earl-other" },
  { in: "fibonacci", line: "wt delete earl-other --force", shown: (line) => !/done in|\.\.\.$/.test(line) },
  { in: "fibonacci", line: "wt undelete earl-other", shown: (line) => /^earl-other {2}/.test(line) },
  { in: other, line: "cat notes.txt" },
  { in: "fibonacci", line: "wt gc --dry-run", shown: (line) => !/done in|\.\.\.$/.test(line) },
];
