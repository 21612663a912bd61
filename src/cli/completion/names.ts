// The names that completion offers: from what the daemon wrote down, and from git where only git knows.
import { worldPaths } from "../../os/paths.ts";
import { callerEnvironment } from "../command.ts";
import { overviewAt, readOverview } from "../overview.ts";
import type { Environment } from "../terminal.ts";

export interface NamePlace {
  cwd: string;
  env: Environment;
}

export interface Names {
  /** Of the project the directory is in; or of the named one. */
  environments(project?: string): Promise<Name[]>;
  /** What else environments are known by. */
  environmentBranches(): Promise<Name[]>;
  branches(): Promise<Name[]>;
  projects(): Promise<Name[]>;
  of(kind: "services" | "resources" | "checkpoints"): Promise<Name[]>;
  deleted(): Promise<Name[]>;
  templates(): Promise<Name[]>;
}

export interface Name {
  value: string;
  description: string;
}

const plain = (values: Iterable<string>, description: string): Name[] => [...new Set(values)].map((value) => ({ value, description }));

/** Nothing is read before it is asked for. A directory that wt does not know yet has the worktrees that git knows. */
export function namesAt({ cwd, env }: NamePlace): Names {
  let reading: ReturnType<typeof readOverview> | undefined;
  const overview = () => {
    reading ??= readOverview(worldPaths(env));
    return reading;
  };
  const project = async () => {
    const known = await overview();
    return known && ((await overviewAt(known, cwd))?.project ?? null);
  };
  return {
    async environments(name) {
      const known = name === undefined ? await project() : ((await overview())?.projects.find((one) => one.name === name) ?? null);
      if (!known) return name !== undefined ? [] : plain(await readWorktreeBranches({ cwd, env }), "worktree");
      return known.environments.map(({ slug, branch, status }) => ({
        value: slug,
        description: branch === null || branch === slug ? status : `${status}, ${branch}`,
      }));
    },
    environmentBranches: async () => plain((await project())?.environments.flatMap(({ branch }) => branch ?? []) ?? [], "branch"),
    branches: async () => plain(await readBranches({ cwd, env }), "branch"),
    projects: async () => plain((await overview())?.projects.map(({ name }) => name) ?? [], "project"),
    of: async (kind) => plain((await project())?.environments.flatMap((one) => one[kind]) ?? [], kind.slice(0, -1)),
    deleted: async () => plain((await project())?.deleted ?? [], "deleted"),
    templates: async () => plain((await overview())?.templates ?? [], "template"),
  };
}

/** Local ones first; those of remotes by the name that `wt create` gives them. */
async function readBranches(place: NamePlace): Promise<string[]> {
  const lines = await gitLines(place, ["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes"]);
  return lines.flatMap((ref) => {
    const local = /^refs\/heads\/(.+)$/s.exec(ref)?.[1];
    const remote = /^refs\/remotes\/(?!pull-requests\/)[^/]+\/(?!HEAD$)(.+)$/s.exec(ref)?.[1];
    return local ?? remote ?? [];
  });
}

async function readWorktreeBranches(place: NamePlace): Promise<string[]> {
  const lines = await gitLines(place, ["worktree", "list", "--porcelain"]);
  return lines.flatMap((line) => /^branch refs\/heads\/(.+)$/.exec(line)?.[1] ?? []);
}

const gitDeadlineMs = 400;

/** Nothing rather than an error: completion has no place to show one. */
async function gitLines({ cwd, env }: NamePlace, args: string[]): Promise<string[]> {
  try {
    const { createGit } = await import("../../git/git.ts");
    const output = await createGit(callerEnvironment(env)).run(cwd, args, { abort: AbortSignal.timeout(gitDeadlineMs) });
    return output.split("\n").filter((line) => line !== "");
  } catch {
    return [];
  }
}
