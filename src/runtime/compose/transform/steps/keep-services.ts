import { objectOf } from "../compose-model.ts";
import { editService, isShared, refuse, type StackEdit, servicesOf, warn } from "../stack-edit.ts";

/** Only the services of this stack stay; the rest must not hold back what stays. */
export function keepServices(stack: StackEdit): void {
  const { request, original } = stack;
  for (const service of request.services) {
    if (Object.hasOwn(original.services, service)) continue;
    refuse(stack, { rule: "service-unknown", service, key: "", message: `The compose file has no service ${service}.`, final: true });
  }
  for (const service of Object.keys(original.services)) {
    if (!request.services.includes(service)) stack.editor.edit({ path: ["services", service], value: undefined, rule: "left-out" });
  }
  for (const [service, { depends_on }] of servicesOf(stack)) {
    for (const [other, condition] of Object.entries(objectOf(depends_on))) {
      if (request.services.includes(other)) continue;
      editService(stack, { service, key: ["depends_on", other], rule: "left-out" }, undefined);
      if (isShared(stack, other) || objectOf(condition).required === false) continue;
      warn(stack, {
        rule: "dependency-left-out",
        service,
        key: `depends_on.${other}`,
        message: `${service} depends on ${other}, which is not in this stack; it starts without it.`,
      });
    }
  }
}
