// `wt db template list`, `build`, `refresh`, `remove`.
import type { TemplateBuildRequest, TemplateBuildResult, TemplateList, TemplateRemoveResult, TemplateView } from "../api/templates.ts";
import { WtError } from "../errors/wt-error.ts";
import type { ResourceTemplates, SealedTemplate, TemplateReference } from "../resource/resource-driver.ts";
import { noEnvironment } from "./changes.ts";
import { withEnvironment } from "./environment-lock.ts";
import type { EnvironmentSession } from "./environment-session.ts";
import type { Call } from "./journaled-run.ts";
import { trustedSession } from "./resource-operations.ts";
import { resourceCall, type StepContext } from "./steps.ts";
import { readNeeds, templatedResources, templateSpec } from "./template-needs.ts";
import type { World } from "./world.ts";

export async function listTemplates(world: World): Promise<TemplateList> {
  const listed = await Promise.all(templatedTypes(world).map((one) => viewsOf(world, one)));
  return { schema: 1, templates: listed.flat().sort((one, other) => other.createdAt.localeCompare(one.createdAt)) };
}

export async function buildTemplate(world: World, request: TemplateBuildRequest, call: Call): Promise<TemplateBuildResult> {
  const session = await trustedSession(world, request);
  const name = chosenName(world, session, request.resource);
  const { environment } = session;
  const context: StepContext = { world, session, ...call, branchPlan: null, branchCommit: null, outcome: { rescueRefs: [], branch: null } };
  // Migrations run in the worktree, where nothing else of wt may run meanwhile.
  return withEnvironment(world, environment, {
    call,
    work: async () => {
      const { templates, spec } = templateSpec(world, session, name);
      const type = session.config.resources[name]?.type ?? "";
      const step = `resource:${name}`;
      call.emit({ type: "step", step, label: `${request.anew ? "Build anew" : "Build"} the template of ${name}` });
      const startedMs = world.clock.now();
      const made = await templates.build(spec, resourceCall(context, name), { anew: request.anew });
      call.emit({ type: "step_done", step, ms: Math.max(0, Math.round(world.clock.now() - startedMs)) });
      const references = (await templates.references()).filter(({ key }) => key === made.template.key);
      const template = await viewOf(world, { type, templates }, { template: made.template, references });
      return { schema: 1, environment: environment.slug, resource: name, template, built: made.built };
    },
  });
}

export async function removeTemplate(world: World, request: { key: string }): Promise<TemplateRemoveResult> {
  const { templates, template } = await templateNamed(world, request.key);
  const { key } = template;
  const upon = (await templates.references()).filter((one) => one.lasting && one.key === key);
  if (upon.length > 0) {
    const slugs = slugsOf(world, upon);
    throw new WtError({
      kind: "refused",
      code: "template_in_use",
      message: `The template ${key} cannot be removed: the ${slugs.length === 1 ? "database" : "databases"} of ${slugs.join(", ")} lie upon it.`,
      hints: ["They would lose their data with it. Delete or reset those environments first."],
    });
  }
  if (busySinceMs(world, template.usedAtMs ?? template.createdAtMs)) {
    throw new WtError({
      kind: "refused",
      code: "template_in_use",
      message: `The template ${key} is used by an operation that is under way.`,
      hints: ["Try again when it is done: wt list"],
    });
  }
  const usage = await templates.usage(key).catch(() => null);
  await templates.remove(key);
  world.changes.emit(noEnvironment);
  return { schema: 1, key, freedBytes: usage?.exclusiveBytes ?? null };
}

/** For completion. */
export async function templateKeys(world: World): Promise<string[]> {
  const listed = await Promise.all(templatedTypes(world).map(({ templates }) => templates.list().catch(() => [])));
  return listed.flat().map(({ key }) => key);
}

export interface TemplatedType {
  type: string;
  templates: ResourceTemplates;
}

export function templatedTypes(world: World): TemplatedType[] {
  return [...world.resources].flatMap(([type, { templates }]) => (templates ? [{ type, templates }] : []));
}

/** An operation that was under way when this was used may be copying it still. */
function busySinceMs(world: World, usedMs: number): boolean {
  return world.ledger.operations().some((operation) => usedMs >= operation.startedAtMs);
}

async function templateNamed(world: World, wanted: string): Promise<TemplatedType & { template: SealedTemplate }> {
  const all = await Promise.all(
    templatedTypes(world).map(async (one) => (await one.templates.list()).map((template) => ({ ...one, template }))),
  );
  const exact = all.flat().filter(({ template }) => template.key === wanted);
  const fitting = exact.length > 0 ? exact : all.flat().filter(({ template }) => wanted !== "" && template.key.startsWith(wanted));
  const [only] = fitting;
  if (only && fitting.length === 1) return only;
  throw new WtError({
    kind: only ? "usage" : "not_found",
    code: only ? "template_ambiguous" : "template_unknown",
    message: only ? `${fitting.length} templates begin with ${wanted}.` : `There is no template ${wanted}.`,
    hints: ["See what there is: wt db template list"],
  });
}

/** The one that was named; else the only one that is made from templates. */
function chosenName(world: World, session: EnvironmentSession, wanted: string | null): string {
  const names = templatedResources(world, session);
  const [only] = wanted === null ? names : names.filter((name) => name === wanted);
  if (only !== undefined && (wanted !== null || names.length === 1)) return only;
  const { slug } = session.environment;
  const known = Object.keys(session.config.resources);
  throw new WtError({
    kind: wanted === null && names.length > 1 ? "usage" : "not_found",
    code: names.length > 1 && wanted === null ? "resource_ambiguous" : "no_template",
    message:
      wanted !== null
        ? `${wanted} of ${slug} is ${known.includes(wanted) ? "not made from a template" : "not in wt.yaml"}.`
        : names.length > 1
          ? `${slug} has several resources that are made from templates: ${names.join(", ")}.`
          : `No resource of ${slug} is made from a template.`,
    hints: names.length > 0 ? [`Name one: wt db template build ${names[0]}`] : ["Those of `type: postgres` are."],
  });
}

async function viewsOf(world: World, one: TemplatedType): Promise<TemplateView[]> {
  const { wantedBy } = await readNeeds(world, one.type);
  const listed = await one.templates.list();
  const views: TemplateView[] = [];
  const all = await one.templates.references();
  for (const template of listed) {
    const references = all.filter(({ key }) => key === template.key);
    views.push({ ...(await viewOf(world, one, { template, references })), wantedBy: wantedBy.get(template.key) ?? [] });
  }
  return views;
}

async function viewOf(
  world: World,
  { type, templates }: TemplatedType,
  { template, references }: { template: SealedTemplate; references: readonly TemplateReference[] },
): Promise<TemplateView> {
  const { key, mainWorktree, createdAtMs, usedAtMs, ...same } = template;
  const usage = await templates.usage(key).catch(() => null);
  return {
    ...same,
    key,
    type,
    project: world.ledger.projects().find((project) => project.root === mainWorktree)?.name ?? null,
    exclusiveBytes: usage?.exclusiveBytes ?? null,
    createdAt: new Date(createdAtMs).toISOString(),
    usedAt: usedAtMs === null ? null : new Date(usedAtMs).toISOString(),
    branches: slugsOf(world, references),
    lasting: new Set(references.filter((one) => one.lasting).map((one) => one.directory)).size,
    wantedBy: [],
  };
}

/** An environment that the ledger does not know is named by its id. */
function slugsOf(world: World, references: readonly TemplateReference[]): string[] {
  const slugs = references.map(({ environmentId }) => world.ledger.environment(environmentId)?.slug ?? environmentId);
  return [...new Set(slugs)].sort();
}
