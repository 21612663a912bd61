import type { JsonValue } from "../../../../errors/wt-error.ts";
import { isObject, listOf, objectOf } from "../compose-model.ts";
import type { Shown } from "../model-editor.ts";
import { editService, type StackEdit, sectionOf, servicesOf, withLabels } from "../stack-edit.ts";

/** Our labels on containers, built images, networks and volumes. */
export function labelEverything(stack: StackEdit): void {
  for (const [service, { labels, build }] of servicesOf(stack)) {
    editService(stack, { service, key: ["labels"], rule: "labels", shown: shownLabels(labels) }, withLabels(stack, labels, service));
    if (!isObject(build)) continue;
    const place = { service, key: ["build", "labels"], rule: "labels", shown: shownLabels(build.labels) } as const;
    editService(stack, place, withLabels(stack, build.labels, service));
  }
  for (const section of ["networks", "volumes"] as const) {
    for (const [key, { external, labels }] of sectionOf(stack, section)) {
      if (external === true) continue;
      const value = withLabels(stack, labels, null);
      stack.editor.edit({ path: [section, key, "labels"], value, rule: "labels", shown: shownLabels(labels) });
    }
  }
}

function shownLabels(written: JsonValue | undefined): Shown {
  const count = Object.keys(objectOf(written)).length + listOf(written).length;
  if (count === 0) return { from: null, to: "dev.wt.*" };
  const from = count === 1 ? "1 label" : `${count} labels`;
  return { from, to: `${from} and dev.wt.*` };
}
