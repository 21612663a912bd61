// Which services of a compose file are the app's, each environment's own, and which one for all worktrees is enough of.

import type { ComposeServiceOutline } from "../compose/compose-outline.ts";
import { outlineDockerfile } from "../compose/dockerfile.ts";
import type { RepositoryFiles } from "../config.ts";
import { type Infrastructure, infrastructureOf, isProxy } from "./infrastructure.ts";

export interface SortedService {
  service: ComposeServiceOutline;
  /** `app`: it has code of the repository. `other`: it belongs to the app, as far as anybody can tell. */
  kind: "app" | "other" | "shared";
  /** What follows its name in a sentence. */
  why: string;
  infrastructure: Infrastructure | null;
  /** What its image is made from. */
  base: string | null;
}

/** Of the active ones, in the order of the compose file. What is shared never depends on what is not. */
export async function sortServices(services: readonly ComposeServiceOutline[], files: RepositoryFiles): Promise<SortedService[]> {
  const active = services.filter((service) => service.active);
  const built = new Set(active.flatMap(({ build, image }) => (build && image ? [image] : [])));
  const sorted: SortedService[] = [];
  for (const service of active) sorted.push(await firstLook(service, { files, built }));
  settle(sorted);
  return sorted;
}

/** Files, and folders that hold settings or data. */
const noCode = /\.[a-z]+$|(^|\/)\.?(conf|config|etc|init|initdb|certs?|ssl|data|volumes?|logs?|dumps?|backups?|docker|tmp)(\/|$)/;

async function firstLook(
  service: ComposeServiceOutline,
  around: { files: RepositoryFiles; built: ReadonlySet<string> },
): Promise<SortedService> {
  const { build, image, mounts } = service;
  const base = build ? await baseImage(service, around.files) : image;
  const infrastructure = infrastructureOf(base);
  const found = { service, infrastructure, base };
  if (infrastructure) return { ...found, kind: "shared", why: `is ${infrastructure.label} (${base})` };
  if (build) {
    const from = build.dockerfile ?? (build.context === null ? "elsewhere" : "the compose file itself");
    return { ...found, kind: "app", why: `is built from ${from}` };
  }
  if (image !== null && around.built.has(image)) return { ...found, kind: "app", why: `runs ${image}, which is built here` };
  const code = mounts.find(({ source }) => source === "." || !noCode.test(source));
  if (code && !isProxy(image)) {
    const what = code.source === "." ? "the repository" : code.source;
    return { ...found, kind: "app", why: `runs in ${image ?? "an image"} on what it mounts, ${what}` };
  }
  return { ...found, kind: "other", why: "" };
}

async function baseImage({ build, image }: ComposeServiceOutline, files: RepositoryFiles): Promise<string | null> {
  const text = build?.dockerfile ? await files.read(build.dockerfile) : null;
  return text === null ? image : outlineDockerfile(text, build?.target ?? null).base;
}

/** What nobody knows goes with what it depends on, until nothing changes any more. */
function settle(sorted: SortedService[]): void {
  const kindOf = (name: string) => sorted.find(({ service }) => service.name === name)?.kind;
  for (let changed = true; changed; ) {
    changed = false;
    for (const one of sorted) {
      const needs = one.service.dependsOn.map(({ service }) => service);
      const own = needs.find((name) => kindOf(name) === "app" || (kindOf(name) === "other" && one.kind === "shared"));
      if (one.kind === "shared" && own !== undefined) {
        Object.assign(one, { kind: "other", why: `depends on ${own}` });
        changed = true;
      } else if (one.kind === "other" && one.why === "" && needs.length > 0 && needs.every((name) => kindOf(name) === "shared")) {
        Object.assign(one, { kind: "shared", why: `depends on nothing but ${needs.join(", ")}` });
        changed = true;
      }
    }
  }
  for (const one of sorted) {
    if (one.why !== "") continue;
    const app = one.service.dependsOn.find(({ service }) => kindOf(service) !== "shared");
    one.why = app ? `depends on ${app.service}` : `is of an image (${one.base ?? "none"}) that is not known here`;
  }
}
