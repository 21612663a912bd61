import { type Finding, formatPath, type KeyPath } from "../check-written.ts";
import { cleanPath, listOf, writtenHooks, writtenSteps } from "../normalize.ts";
import type { Rule } from "../rules.ts";
import type { WrittenSetupStep } from "../schema.ts";

export const pathRules: readonly Rule[] = [
  {
    name: "paths-inside-repository",
    check: ({ written }) => [
      ...listed(["copy"], written.copy),
      ...listed(["clone"], written.clone),
      ...writtenSteps(written).flatMap(({ path, step }) =>
        typeof step === "string"
          ? []
          : [
              ...listed([...path, "inputs"], step.inputs),
              ...listed([...path, "makes"], step.makes),
              ...made(path, step),
              ...directories(path, step),
            ],
      ),
      ...writtenHooks(written.hooks).flatMap(({ path, step }) => (typeof step === "string" ? [] : directories(path, step))),
      ...Object.entries(written.services ?? {}).flatMap(([name, service]) =>
        typeof service === "string" ? [] : directories(["services", name], service),
      ),
    ],
  },
  {
    name: "clone-not-everything",
    check: ({ config }) =>
      config.clone.flatMap((path): Finding[] => {
        const whole = path === "." || path === ".git" || path.startsWith(".git/");
        return whole
          ? [
              {
                path: ["clone"],
                message: `clone holds \`${path}\`, which git itself brings to each worktree.`,
                hint: "Name directories that git ignores.",
              },
            ]
          : [];
      }),
  },
  {
    name: "worktrees-a-directory",
    check: ({ written }) => {
      const path = written.worktrees;
      if (path === undefined) return [];
      if (path.trim() === "" || path.includes("\0"))
        return [{ path: ["worktrees"], message: "worktrees is empty.", hint: "Name a directory, or remove the key." }];
      if (cleanPath(path) === ".")
        return [
          { path: ["worktrees"], message: "worktrees is the main worktree itself.", hint: "Name a directory beside it or below it." },
        ];
      return [];
    },
  },
];

/** Without inputs nobody could tell whose directory is the right one. */
function made(path: KeyPath, { makes, inputs }: WrittenSetupStep): Finding[] {
  if (listOf(makes).length === 0 || listOf(inputs).length > 0) return [];
  const message = `${formatPath(path)}.makes needs \`inputs\`, which say when the directories of two worktrees are the same.`;
  return [{ path: [...path, "makes"], at: "key", message, hint: "Name the lock file under `inputs`." }];
}

function listed(path: KeyPath, written: string | string[] | undefined): Finding[] {
  return listOf(written).flatMap((text, index) => outside(Array.isArray(written) ? [...path, index] : path, text));
}

function directories(path: KeyPath, written: { directory?: string | undefined; cwd?: string | undefined }): Finding[] {
  const found = (["directory", "cwd"] as const).flatMap((key) => (written[key] === undefined ? [] : outside([...path, key], written[key])));
  if (written.directory !== undefined && written.cwd !== undefined) {
    found.push({
      path: [...path, "cwd"],
      at: "key",
      message: `${formatPath(path)} has both \`directory\` and \`cwd\`, which mean the same.`,
      hint: "Keep one of them.",
    });
  }
  return found;
}

function outside(path: KeyPath, text: string): Finding[] {
  const at = formatPath(path);
  if (text === "" || text.includes("\0")) return [{ path, message: `${at} is empty.`, hint: "Name a path inside the repository." }];
  const clean = cleanPath(text);
  const leaves = text.startsWith("/") || text.startsWith("~") || clean === ".." || clean.startsWith("../");
  return leaves
    ? [{ path, message: `${at} \`${text}\` leads out of the repository.`, hint: "Use a path relative to the top of the worktree." }]
    : [];
}
