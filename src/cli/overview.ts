// What there is, as the daemon last wrote it down: for commands that must not wait for anybody (completion, the prompt).
import type { EnvironmentOverview, Overview, ProjectOverview } from "../api/overview.ts";
import type { WorldPaths } from "../os/paths.ts";

/** Null when there is none, or one of another version. */
export async function readOverview(paths: Pick<WorldPaths, "overview">): Promise<Overview | null> {
  try {
    const overview: unknown = JSON.parse(await Bun.file(paths.overview).text());
    return isOverview(overview) ? overview : null;
  } catch {
    return null;
  }
}

function isOverview(value: unknown): value is Overview {
  const overview = value as Partial<Overview> | null;
  return overview?.schema === 1 && Array.isArray(overview.projects) && Array.isArray(overview.templates);
}

export interface OverviewPlace {
  project: ProjectOverview;
  environment: EnvironmentOverview;
}

/** The environment whose worktree `cwd` is in: the nearest directory with a `.git` has to be one. */
export async function overviewAt(overview: Overview, cwd: string): Promise<OverviewPlace | null> {
  const places = new Map<string, OverviewPlace>();
  for (const project of overview.projects)
    for (const environment of project.environments) places.set(environment.path, { project, environment });
  for (let directory = cwd; ; directory = directory.slice(0, directory.lastIndexOf("/"))) {
    const place = places.get(directory || "/");
    if (place || directory === "") return place ?? null;
    if (await isThere(`${directory}/.git`)) return null;
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Bun.file(path)
    .stat()
    .then(
      () => true,
      () => false,
    );
}
