import { objectOf, textOf } from "../compose-model.ts";
import { editService, isKept, isShared, refuse, type StackEdit, servicesOf, warn } from "../stack-edit.ts";

/** Only the services of this stack stay, and nothing waits for one that is not in it. */
export function keepServices(stack: StackEdit): void {
  const { request, original, editor } = stack;
  const asked = new Set([...request.services, ...request.ports.map(({ service }) => service), ...Object.keys(request.variables)]);
  for (const service of asked) {
    if (Object.hasOwn(original.services, service)) continue;
    const message = `The compose file has no service ${service}, or not with the profiles that are active.`;
    refuse(stack, { rule: "unknown-service", service, key: "", message, final: true });
  }
  for (const service of Object.keys(original.services)) {
    if (isKept(stack, service)) continue;
    const shown = { from: textOf(original.services[service]?.image) ?? "built here", to: null };
    editor.edit({ path: ["services", service], value: undefined, rule: "left-out", shown });
  }
  for (const [service, { profiles, provider }] of servicesOf(stack)) {
    if (profiles !== undefined) editService(stack, { service, key: ["profiles"], rule: "profiles" }, undefined);
    if (provider !== undefined) {
      const message = `${service} comes from a plugin of Compose (${textOf(objectOf(provider).type) ?? "provider"}) and has no container that wt could keep.`;
      refuse(stack, { rule: "provider", service, key: "provider", message, final: true });
    }
    dropDependencies(stack, service);
  }
}

function dropDependencies(stack: StackEdit, service: string): void {
  const { depends_on } = objectOf(stack.editor.model.services[service]);
  for (const [other, condition] of Object.entries(objectOf(depends_on))) {
    if (isKept(stack, other)) continue;
    editService(stack, { service, key: ["depends_on", other], rule: "left-out" }, undefined);
    if (objectOf(condition).required !== false) warnLeftOut(stack, { service, key: `depends_on.${other}` }, other);
  }
}

/** For an environment a shared service is there before it starts; anything else that is missing is worth a word. */
export function warnLeftOut(stack: StackEdit, place: { service: string; key: string }, other: string): void {
  if (isShared(stack, other)) return;
  const whose =
    stack.request.role === "shared"
      ? `${place.service} is shared, but needs ${other}, which each environment has for itself; it starts without it and cannot reach it.`
      : `${place.service} needs ${other}, which is not active; it starts without it.`;
  warn(stack, { rule: "dependency-left-out", ...place, message: whose });
}
