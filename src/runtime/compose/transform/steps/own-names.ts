import { listOf, objectOf, textOf } from "../compose-model.ts";
import { editService, type StackEdit, sectionOf, servicesOf } from "../stack-edit.ts";

/** No name that another stack could have too: project, containers, networks, volumes. */
export function ownNames(stack: StackEdit): void {
  const { project } = stack.request;
  stack.editor.edit({ path: ["name"], value: project, rule: "project-name" });
  for (const [service, { container_name, networks }] of servicesOf(stack)) {
    const name = textOf(container_name);
    if (name === null) continue;
    editService(stack, { service, key: ["container_name"], rule: "container-name" }, undefined);
    for (const [network, attachment] of Object.entries(objectOf(networks))) {
      const aliases = listOf(objectOf(attachment).aliases);
      if (name === service || aliases.includes(name)) continue;
      editService(stack, { service, key: ["networks", network, "aliases"], rule: "container-name" }, [...aliases, name]);
    }
  }
  for (const [section, rule] of [
    ["networks", "network-name"],
    ["volumes", "volume-name"],
  ] as const) {
    for (const [key, { external }] of sectionOf(stack, section)) {
      if (external !== true) stack.editor.edit({ path: [section, key, "name"], value: `${project}_${key}`, rule });
    }
  }
}
