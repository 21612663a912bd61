import type { JsonValue } from "../../../../errors/wt-error.ts";
import { isObject, listOf, objectOf } from "../compose-model.ts";
import type { Shown } from "../model-editor.ts";
import { labelsOf, type StackEdit, sectionOf, servicesOf, wtLabels } from "../stack-edit.ts";

/** Our labels on containers, built images, networks and volumes; and none there that only wt and Compose may set. */
export function labelEverything(stack: StackEdit): void {
  for (const [service, { labels, build }] of servicesOf(stack)) {
    label(stack, ["services", service, "labels"], { written: labels, service });
    if (isObject(build)) label(stack, ["services", service, "build", "labels"], { written: build.labels, service });
  }
  for (const section of ["networks", "volumes"] as const) {
    for (const [key, { external, labels }] of sectionOf(stack, section)) {
      if (external !== true) label(stack, [section, key, "labels"], { written: labels, service: null });
    }
  }
}

function label(
  stack: StackEdit,
  path: readonly string[],
  { written, service }: { written: JsonValue | undefined; service: string | null },
) {
  const all = Object.entries(labelsOf(written));
  const foreign = all.flatMap(([name]) => (isReserved(name) ? [name] : []));
  const kept = foreign.length === 0 ? written : Object.fromEntries(all.filter(([name]) => !isReserved(name)));
  if (kept !== written) stack.editor.edit({ path, value: kept, rule: "foreign-label", shown: { from: foreign.join(", "), to: null } });
  const value = { ...labelsOf(kept), ...wtLabels(stack.request, service) };
  stack.editor.edit({ path, value, rule: "labels", shown: shownLabels(kept) });
}

function isReserved(name: string): boolean {
  return /^(dev\.wt|com\.docker\.compose)\./i.test(name);
}

function shownLabels(written: JsonValue | undefined): Shown {
  const count = Object.keys(objectOf(written)).length + listOf(written).length;
  if (count === 0) return { from: null, to: "dev.wt.*" };
  const from = count === 1 ? "1 label" : `${count} labels`;
  return { from, to: `${from} and dev.wt.*` };
}
