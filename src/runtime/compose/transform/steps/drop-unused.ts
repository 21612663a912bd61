import { isObject, objectOf, textOf } from "../compose-model.ts";
import { sourcesOf, volumesOf } from "../mounts.ts";
import { networksOf, type StackEdit, servicesOf } from "../stack-edit.ts";

/** Networks, volumes, secrets, configs and models that nothing here uses. */
export function dropUnused(stack: StackEdit): void {
  const used = usedKeys(stack);
  for (const [section, keys] of Object.entries(used)) {
    const held = stack.editor.model[section];
    if (!isObject(held)) continue;
    for (const key of Object.keys(held)) {
      if (keys.has(key)) continue;
      const shown = { from: textOf(objectOf(held[key]).name) ?? key, to: null };
      stack.editor.edit({ path: [section, key], value: undefined, rule: "left-out", shown });
    }
  }
}

function usedKeys(stack: StackEdit): Record<"networks" | "volumes" | "secrets" | "configs" | "models", Set<string>> {
  const { role, sharedVolumes } = stack.request;
  const none = () => new Set<string>();
  const used = { networks: none(), volumes: none(), secrets: none(), configs: none(), models: none() };
  if (role === "shared") for (const volume of sharedVolumes) used.volumes.add(volume);
  for (const [, service] of servicesOf(stack)) {
    for (const network of networksOf(service)) used.networks.add(network);
    for (const source of volumesOf(service)) used.volumes.add(source);
    for (const source of [...sourcesOf(service.secrets), ...sourcesOf(objectOf(service.build).secrets)]) used.secrets.add(source);
    for (const source of sourcesOf(service.configs)) used.configs.add(source);
    for (const model of [...sourcesOf(service.models), ...Object.keys(objectOf(service.models))]) used.models.add(model);
  }
  return used;
}
