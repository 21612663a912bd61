// What commands about templates need of this driver.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { readBlockUsage } from "../../os/block-usage.ts";
import { findDamage } from "../../os/file-manifest.ts";
import type { ResourceSpec, ResourceTemplates, SealedTemplate } from "../resource-driver.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import { postgresOptions } from "./postgres-options.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { readReferences, type TemplateRecord } from "./template-record.ts";
import { isRetired, isTemplateName, readLeftovers, readTemplate, readUsedMs, removeLeftover, type Shelf } from "./template-shelf.ts";
import type { Templates, TemplateWish } from "./templates.ts";

export interface TemplateServiceParts {
  templates: Templates;
  programs: (major: number | null) => Promise<ServerPrograms>;
  path: string;
}

export function templateService({ templates, programs, path }: TemplateServiceParts): ResourceTemplates {
  const { shelf } = templates;
  const wishFor = async (spec: ResourceSpec): Promise<Omit<TemplateWish, "call"> | null> => {
    const options = postgresOptions(spec.options);
    if (options.mode !== "branch") return null;
    const inputs = await readBranchInputs(spec, options);
    return { name: `resources.${spec.name}`, options, inputs, programs: await programs(options.version), spec };
  };
  return {
    async list() {
      const names = (await readdir(shelf.templates).catch(absentIsEmpty)).filter(isTemplateName);
      const listed = await Promise.all(names.map((key) => describe(shelf, key)));
      return listed.sort((one, other) => other.createdAtMs - one.createdAtMs);
    },
    async need(spec) {
      const wish = await wishFor(spec);
      if (!wish) return null;
      const chain = await templates.look(wish);
      const key = chain.at(-1)?.key ?? null;
      return { key, keys: [...new Set(chain.flatMap((stage) => [stage.key, stage.prefix].filter((each) => each !== null)))] };
    },
    async build(spec, call, { anew }) {
      const wish = await wishFor(spec);
      if (!wish) throw withoutTemplates(spec);
      const before = (await templates.look(wish)).at(-1)?.key ?? null;
      const { key } = await (anew ? templates.rebuild({ ...wish, call }) : templates.ensure({ ...wish, call }));
      return { template: await describe(shelf, key), built: key !== before };
    },
    usage: (key) => readBlockUsage(join(shelf.templates, key), path),
    async damage(key) {
      const template = await readTemplate(shelf, key);
      return template ? findDamage(template.data, template.record.files) : "template.json";
    },
    remove: (key) => templates.remove(key),
    references: () => readReferences(shelf.stateDirectory),
    leftovers: () => readLeftovers(shelf),
    removeLeftover: (place) => removeLeftover(shelf, place),
    prepare: async () => (existsSync(shelf.building) ? templates.prepare() : undefined),
    onSealed: (listener) => templates.onSealed(listener),
  };
}

async function describe(shelf: Shelf, key: string): Promise<SealedTemplate> {
  const record: TemplateRecord | undefined = (await readTemplate(shelf, key))?.record;
  const retired = isRetired(shelf, key) ? "It was put away, and stays for what lies upon it." : null;
  return {
    key,
    resource: record?.owner.resource ?? "",
    mainWorktree: record?.owner.mainWorktree ?? "",
    stage: record?.stage ?? "unknown",
    madeFrom: record?.madeFrom ?? [],
    version: record?.version ?? "",
    parent: record?.parent ?? null,
    migrations: record?.migrations ?? null,
    bytes: record?.bytes ?? 0,
    createdAtMs: record?.createdAtMs ?? 0,
    buildMs: record?.buildMs ?? 0,
    usedAtMs: await readUsedMs(shelf, key),
    problem: retired ?? (record ? null : "Its record cannot be read, or another version wrote it."),
  };
}

function withoutTemplates({ name }: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "no_template",
    message: `${name} is not made from a template of worldtree: wt.yaml names a database or server that is there already.`,
  });
}

function absentIsEmpty(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
  throw error;
}
