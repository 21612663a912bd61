// A compose project as the repository wrote it → the same project as one stack of many on this machine. Pure.
import type { ComposeModel } from "./compose-model.ts";
import { createStackEdit, type StackEdit, sectionOf, servicesOf } from "./stack-edit.ts";
import { keepServices } from "./steps/keep-services.ts";
import { labelEverything } from "./steps/label-everything.ts";
import { ownNames } from "./steps/own-names.ts";
import { publishPorts } from "./steps/publish-ports.ts";
import { stopResurrection } from "./steps/stop-resurrection.ts";
import type { TransformRequest } from "./transform-request.ts";
import type { StackNames, TransformResult } from "./transform-result.ts";

/** In this order: what is left out is not looked at again, and the names are settled before anything refers to them. */
const steps: readonly ((stack: StackEdit) => void)[] = [keepServices, ownNames, publishPorts, stopResurrection, labelEverything];

/**
 * Never throws for what a compose file says: what cannot be is a refusal in the result. `model` is what `parseComposeModel` gave, read with
 * all profiles that are needed for `request.services`.
 */
export function transformModel(model: ComposeModel, request: TransformRequest): TransformResult {
  const stack = createStackEdit(model, request);
  for (const step of steps) step(stack);
  return {
    model: stack.editor.model,
    rewrites: [...stack.editor.rewrites],
    refusals: stack.refusals,
    warnings: stack.warnings,
    names: namesOf(stack),
    aliases: [],
    binds: [],
  };
}

function namesOf(stack: StackEdit): StackNames {
  const { project } = stack.request;
  return {
    containers: servicesOf(stack).map(([service]) => ({ service, name: `${project}-${service}-1` })),
    networks: sectionOf(stack, "networks").map(([key, network]) => ({
      key,
      name: String(network.name ?? key),
      made: network.external !== true,
    })),
    volumes: sectionOf(stack, "volumes").map(([key, volume]) => ({
      key,
      name: String(volume.name ?? key),
      scope: volume.external === true ? ("foreign" as const) : ("environment" as const),
    })),
    images: servicesOf(stack).flatMap(([service, { build }]) => (build === undefined ? [] : [{ service, name: `${project}-${service}` }])),
  };
}
