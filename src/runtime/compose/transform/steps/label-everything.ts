import { isObject } from "../compose-model.ts";
import { editService, type StackEdit, sectionOf, servicesOf, withLabels } from "../stack-edit.ts";

/** Our labels on containers, built images, networks and volumes. */
export function labelEverything(stack: StackEdit): void {
  for (const [service, { labels, build }] of servicesOf(stack)) {
    editService(stack, { service, key: ["labels"], rule: "labels" }, withLabels(stack, labels, service));
    if (!isObject(build)) continue;
    editService(stack, { service, key: ["build", "labels"], rule: "labels" }, withLabels(stack, build.labels, service));
  }
  for (const section of ["networks", "volumes"] as const) {
    for (const [key, { external, labels }] of sectionOf(stack, section)) {
      if (external === true) continue;
      stack.editor.edit({ path: [section, key, "labels"], value: withLabels(stack, labels, null), rule: "labels" });
    }
  }
}
