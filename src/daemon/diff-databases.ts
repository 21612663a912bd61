// `wt db diff`: two environments' databases side by side.
import type { DiffDocument, DiffRequest } from "../api/content.ts";
import { compareContent } from "../environment/compare-content.ts";
import type { EnvironmentRecord, ProjectRecord } from "../environment/ledger.ts";
import { WtError } from "../errors/wt-error.ts";
import { createGit } from "../git/git.ts";
import type { ResourceContent } from "../resource/resource-driver.ts";
import { rememberSchema } from "./drift.ts";
import type { Call } from "./journaled-run.ts";
import { environmentNamed, locateTarget } from "./projects.ts";
import { chosenResource, type MadeResource } from "./resource-choice.ts";
import { driverOf } from "./resources.ts";
import type { World } from "./world.ts";

export async function diffDatabases(world: World, request: DiffRequest, call: Call): Promise<DiffDocument> {
  const { project, environment: to } = await locateTarget(world, createGit(world.env), request.target);
  const from = request.from === null ? mainOf(world, project) : environmentNamed(world, project, request.from);
  if (from.id === to.id) throw sameEnvironment(world, project, to);
  const two = chosenResource(world, to, { name: request.resource });
  const one = chosenResource(world, from, { name: two.spec.name });
  if (one.type !== two.type) throw differentTypes({ from, to, one, two });
  const [before, after] = await Promise.all([
    inspected(world, { environment: from, leased: one, rows: request.rows }, call),
    inspected(world, { environment: to, leased: two, rows: request.rows }, call),
  ]);
  const { objects, rows } = compareContent(before, after);
  return {
    schema: 1,
    from: { environment: from.slug, resource: one.spec.name, version: before.version },
    to: { environment: to.slug, resource: two.spec.name, version: after.version },
    same: objects.length === 0 && rows.length === 0,
    objects,
    rows: request.rows ? rows : null,
  };
}

async function inspected(
  world: World,
  of: { environment: EnvironmentRecord; leased: MadeResource; rows: boolean },
  call: Call,
): Promise<ResourceContent> {
  const { environment, leased, rows } = of;
  const driver = driverOf(world, leased.type);
  const mark = (await driver.contentMark?.(leased.spec)) ?? null;
  const content = await driver.inspect?.(leased.spec, { rows, wake: true, abort: call.abort });
  if (!content) throw notComparable(environment, leased);
  await rememberSchema(world, leased, { content, mark }).catch(world.report);
  return content;
}

function mainOf(world: World, project: ProjectRecord): EnvironmentRecord {
  const main = world.ledger.environments({ projectId: project.id }).find((one) => one.main);
  if (main) return main;
  throw new WtError({
    kind: "usage",
    code: "no_main_environment",
    message: `${project.name} has no main worktree to compare with.`,
    hints: ["Name both environments: wt db diff <a> <b>"],
  });
}

function sameEnvironment(world: World, project: ProjectRecord, { id, slug }: EnvironmentRecord): WtError {
  const other = world.ledger.environments({ projectId: project.id }).find((one) => one.id !== id)?.slug ?? "<environment>";
  return new WtError({
    kind: "usage",
    code: "same_environment",
    message: `${slug} would be compared with itself.`,
    hints: [`Name another environment: wt db diff ${other}`],
  });
}

function differentTypes({ from, to, one, two }: Record<"from" | "to", EnvironmentRecord> & Record<"one" | "two", MadeResource>): WtError {
  return new WtError({
    kind: "refused",
    code: "different_types",
    message: `${one.spec.name} is of type ${one.type} in ${from.slug} and of type ${two.type} in ${to.slug}, which cannot be compared.`,
  });
}

function notComparable({ slug }: EnvironmentRecord, { spec, type }: MadeResource): WtError {
  return new WtError({
    kind: "usage",
    code: "not_comparable",
    message: `${spec.name} of ${slug} is of type ${type}, whose content is not compared.`,
    hints: ["Databases can be: postgres, sqlite, mysql. See what there is: wt db list"],
  });
}
