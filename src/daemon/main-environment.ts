import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import type { World } from "./world.ts";

/** null in a bare repository. */
export function mainEnvironment(world: World, { project }: { project: ProjectRecord }): EnvironmentRecord | null {
  return world.ledger.environments({ projectId: project.id }).find((one) => one.main) ?? null;
}
