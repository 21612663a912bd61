// The configuration and git parts are loaded by the handler: help and completion read this file too, and must not pay for them.
import { basename, join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { type Context, callerEnvironment, defineCommand } from "../command.ts";
import { emptyConfigText } from "../empty-config-text.ts";

export const init = defineCommand({
  name: "init",
  summary: "Look at the repository and write a commented wt.yaml",
  details: ["Every decision is given with its reason. An existing wt.yaml is never overwritten without --force."],
  arguments: [],
  options: {
    print: { type: "boolean", short: "p", summary: "Only print the file" },
    force: { type: "boolean", short: "f", summary: "Overwrite an existing wt.yaml" },
  },
  examples: [
    { command: "wt init", summary: "then: wt trust, wt create my-branch" },
    { command: "wt init --print", summary: "look first" },
  ],
  async handler({ options }, context) {
    const { root, project } = await repositoryRoot(context);
    const path = join(root, "wt.yaml");
    const exists = await Bun.file(path).exists();
    if (exists && !options.force && !options.print) throw existsAlready(path);
    const [{ detectConfig }, { repositoryFiles }] = await Promise.all([
      import("../../config/detect.ts"),
      import("../../os/repository-files.ts"),
    ]);
    const detected = await detectConfig(repositoryFiles(root), { projectFallback: project });
    const text = detected?.written ?? emptyConfigText;
    const because = detected?.because ?? ["Nothing that runs was recognised, so the file holds only an example to fill in."];
    if (!options.print) await write(path, text);
    await answer(context, { path, text, because, written: !options.print });
    return 0;
  },
});

async function repositoryRoot(context: Context): Promise<{ root: string; project: string }> {
  const [{ createGit }, { findRepository }] = await Promise.all([import("../../git/git.ts"), import("../../git/repository.ts")]);
  const found = await findRepository(createGit(callerEnvironment(context.env)), context.cwd);
  if (!found) {
    throw new WtError({
      kind: "not_found",
      code: "not_a_repository",
      message: `${context.cwd} is not in a git repository.`,
      hints: ["Make one: git init", "Or name its directory: wt -C <dir> init"],
    });
  }
  if (found.worktreeRoot) return { root: found.worktreeRoot, project: basename(found.mainRoot).replace(/\.git$/, "") };
  throw new WtError({
    kind: "refused",
    code: "bare_repository",
    message: `${found.mainRoot} is a bare repository: there is no worktree to write wt.yaml in.`,
    hints: ["Make a worktree, then run wt init in it: git worktree add <dir> <branch>"],
  });
}

async function write(path: string, text: string): Promise<void> {
  const { writeFileAtomic } = await import("../../os/files.ts");
  try {
    await writeFileAtomic(path, text);
  } catch (cause) {
    throw new WtError({
      kind: "machine",
      code: "file_not_written",
      message: `${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hints: ["See what it would hold: wt init --print"],
      details: { path },
      cause,
    });
  }
}

interface Answer {
  path: string;
  text: string;
  because: string[];
  written: boolean;
}

async function answer({ terminal, json }: Context, { path, text, because, written }: Answer): Promise<void> {
  if (json) return await terminal.out(`${JSON.stringify({ schema: 1, path, written, content: text, because })}\n`);
  if (!written) return await terminal.out(text);
  const { paint } = terminal;
  const reasons = because.map((reason) => `  ${paint.dim("-")} ${reason}`);
  const next = [
    "Next:",
    "  look at it, then commit it",
    "  wt trust                approve the commands it runs",
    "  wt create <branch>      the first environment",
  ];
  await terminal.out(`${[`Wrote ${paint.bold(path)}`, ...reasons, "", ...next].join("\n")}\n`);
}

function existsAlready(path: string): WtError {
  return new WtError({
    kind: "refused",
    code: "config_exists",
    message: `${path} exists already.`,
    hints: ["See what detection would write: wt init --print", "Overwrite it: wt init --force"],
    details: { path },
  });
}
