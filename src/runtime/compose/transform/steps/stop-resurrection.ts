import { objectOf } from "../compose-model.ts";
import { editService, type StackEdit, servicesOf } from "../stack-edit.ts";

const untilStopped = ["always", "unless-stopped"];

/**
 * Nothing comes up by itself after a boot. The containers of an environment are restarted by wt alone, which tells what happened to them; a
 * shared one may be restarted by Docker after a failure, because `on-failure` does not outlive a boot.
 */
export function stopResurrection(stack: StackEdit): void {
  const { role } = stack.request;
  for (const [service, { restart, deploy }] of servicesOf(stack)) {
    const policy = typeof restart === "string" ? restart : null;
    const condition = objectOf(objectOf(deploy).restart_policy).condition ?? "any";
    const written = objectOf(deploy).restart_policy !== undefined;
    editService(stack, { service, key: ["deploy", "restart_policy"], rule: "restart" }, undefined);
    if (role === "environment") {
      if (policy !== null && policy !== "no") editService(stack, { service, key: ["restart"], rule: "restart" }, "no");
    } else if ((policy !== null && untilStopped.includes(policy)) || (policy === null && written && condition !== "none")) {
      editService(stack, { service, key: ["restart"], rule: "restart" }, "on-failure");
    }
  }
}
