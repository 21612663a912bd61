// What commands about templates need of this driver.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { WtError } from "../../errors/wt-error.ts";
import { readBlockUsage } from "../../os/block-usage.ts";
import type { SealedEntry } from "../../os/sealed-store.ts";
import type { ResourceSpec, ResourceTemplates, SealedTemplate, TemplateReference } from "../resource-driver.ts";
import { readBranchInputs } from "./branch-inputs.ts";
import { readBranchRecord } from "./branch-record.ts";
import { mysqlOptions } from "./mysql-options.ts";
import type { ServerPrograms } from "./server-programs.ts";
import type { TemplateDetails, Templates, TemplateWish } from "./templates.ts";

export interface TemplateServiceParts {
  templates: Templates;
  /** The world's. */
  stateDirectory: string;
  programs: (version: string | null) => Promise<ServerPrograms>;
  path: string;
}

export function templateService({ templates, stateDirectory, programs, path }: TemplateServiceParts): ResourceTemplates {
  const { store } = templates;
  const wishFor = async (spec: ResourceSpec): Promise<Omit<TemplateWish, "call"> | null> => {
    const options = mysqlOptions(spec.options);
    if (options.mode !== "branch") return null;
    const inputs = await readBranchInputs(spec, options);
    return { name: `resources.${spec.name}`, options, inputs, programs: await programs(options.version), spec };
  };
  return {
    async list() {
      return (await store.list()).map(describe).sort((one, other) => other.createdAtMs - one.createdAtMs);
    },
    async need(spec) {
      const wish = await wishFor(spec);
      if (!wish) return null;
      const chain = await templates.look(wish);
      return {
        key: chain.at(-1)?.key ?? null,
        keys: [...new Set(chain.flatMap((stage) => [stage.key, stage.prefix].filter((each) => each !== null)))],
      };
    },
    async build(spec, call, { anew }) {
      const wish = await wishFor(spec);
      if (!wish) throw withoutTemplates(spec);
      const before = (await templates.look(wish)).at(-1)?.key ?? null;
      const { key, record } = await templates.ensure({ ...wish, call }, { anew });
      return { template: describe({ key, record, usedAtMs: null }), built: key !== before };
    },
    usage: (key) => readBlockUsage(join(store.places.sealed, key), path),
    damage: (key) => store.damage(key),
    remove: (key) => store.remove(key),
    references: () => readReferences(stateDirectory),
    leftovers: () => store.leftovers(),
    removeLeftover: (place) => store.removeLeftover(place),
    prepare: async () => (existsSync(store.places.building) ? store.prepare() : undefined),
    onSealed: (listener) => store.onSealed(listener),
  };
}

function describe({ key, record, usedAtMs }: SealedEntry<TemplateDetails>): SealedTemplate {
  const { details } = record ?? {};
  return {
    key,
    resource: details?.owner.resource ?? "",
    mainWorktree: details?.owner.mainWorktree ?? "",
    stage: details?.stage ?? "unknown",
    madeFrom: details?.madeFrom ?? [],
    version: record?.title ?? "",
    parent: details?.parent ?? null,
    migrations: details?.migrations ?? null,
    bytes: record?.bytes ?? 0,
    createdAtMs: record?.createdAtMs ?? 0,
    buildMs: record?.buildMs ?? 0,
    usedAtMs,
    problem: record ? null : "Its record cannot be read, or another version wrote it.",
  };
}

/** A branch is a copy of its own and needs its template no more. */
async function readReferences(stateDirectory: string): Promise<TemplateReference[]> {
  const root = join(stateDirectory, "environments");
  const found: TemplateReference[] = [];
  for (const environmentId of await namesIn(root)) {
    for (const name of await namesIn(join(root, environmentId, "resources"))) {
      const directory = join(root, environmentId, "resources", name);
      const record = await readBranchRecord(directory);
      if (record?.flavor) found.push({ key: record.template, environmentId, directory, lasting: false });
    }
  }
  return found;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

function withoutTemplates({ name }: ResourceSpec): WtError {
  return new WtError({
    kind: "refused",
    code: "no_template",
    message: `${name} is not made from a template of worldtree: wt.yaml names a database or server that is there already.`,
    hints: ["Templates belong to databases with a server of their own."],
  });
}
