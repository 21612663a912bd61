import { objectOf } from "../compose-model.ts";
import { type StackEdit, serviceOf, servicesOf } from "../stack-edit.ts";
import type { ServiceVariable } from "../transform-request.ts";

/** The environment's variables. What the compose file passes on from the shell without a value (`TOKEN:`) counts as left open. */
export function setVariables(stack: StackEdit): void {
  for (const [service] of servicesOf(stack)) {
    const written = objectOf(serviceOf(stack, service)?.environment);
    for (const { key, value, origin, force } of oneOfEach(stack.request.variables[service] ?? [])) {
      const held = Object.hasOwn(written, key) ? written[key] : undefined;
      if (!force && held !== undefined && held !== null) continue;
      const from = held === undefined ? null : held === null ? "from the shell, which does not have it" : "as the compose file says";
      const shown = { from, to: `from ${origin}` };
      stack.editor.edit({ path: ["services", service, "environment", key], value, rule: "variable", shown });
    }
  }
}

/** Of variables with the same name a forced one wins, else the later. */
function oneOfEach(variables: readonly ServiceVariable[]): Iterable<ServiceVariable> {
  const chosen = new Map<string, ServiceVariable>();
  for (const variable of variables) {
    if (variable.force || !chosen.get(variable.key)?.force) chosen.set(variable.key, variable);
  }
  return chosen.values();
}
